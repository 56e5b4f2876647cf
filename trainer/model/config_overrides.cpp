// Walks the dotted key, making groups that the file does not have.
#include "trainer/model/config_overrides.hpp"

#include "base/error.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

using Kind = YamlNode::Kind;

std::vector<std::string> split_key(const std::string& key, const std::string& override_text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin)) {
    parts.push_back(key.substr(begin, dot - begin));
    begin = dot + 1;
  }
  parts.push_back(key.substr(begin));
  bool good = parts.size() <= YamlLimits::kDepth;
  for (const std::string& part : parts) good = good && !part.empty() && part.size() <= YamlLimits::kKeyBytes;
  if (good) return parts;
  throw UsageError("command line: \"{}\" has no usable key. Write group.key=value, e.g. batch.size=64.",
                   override_text.substr(0, 200));
}

YamlNode& item_of(YamlNode& list, const std::string& part, const std::string& key) {
  const std::optional<std::int64_t> index = parse_whole(part);
  if (index && *index >= 0 && *index < static_cast<std::int64_t>(list.items.size()))
    return list.items[*index];
  throw UsageError("command line: {}: \"{}\" is not an item of that list, which has {} items counted from 0.",
                   key, part, list.items.size());
}

/// The child of a group, made when it is not there.
YamlNode& child_of(YamlNode& group, const std::string& part, const std::string& key) {
  if (group.kind == Kind::null) group = {.kind = Kind::mapping, .source = kCommandLine};
  if (group.kind == Kind::sequence) return item_of(group, part, key);
  if (group.kind != Kind::mapping) {
    throw UsageError(
        "command line: {}: the value above \"{}\" is {} ({}), not a group of keys. Override that value as a whole.",
        key, part, describe_kind(group), group.place());
  }
  if (YamlNode* child = group.find(part)) return *child;
  group.entries.push_back({part, YamlNode{.source = kCommandLine}});
  return group.entries.back().value;
}

/// Whether nothing is meant, and not just forgotten, as in `epochs=$EPOCHS`.
bool is_null_word(const std::string& value) { return value == "null" || value == "~"; }

}  // namespace

void apply_override(YamlNode& root, const std::string& override_text) {
  const std::size_t equals = override_text.find('=');
  if (equals == std::string::npos) {
    throw UsageError("command line: \"{}\" is not an override. Write key=value, e.g. batch.size=64.",
                     override_text.substr(0, 200));
  }
  const std::string key = override_text.substr(0, equals);
  YamlNode* node = &root;
  for (const std::string& part : split_key(key, override_text)) node = &child_of(*node, part, key);
  const std::string value = override_text.substr(equals + 1);
  *node = parse_yaml_value(value, kCommandLine);
  if (node->kind != Kind::null || is_null_word(value)) return;
  throw UsageError(
      "command line: {} has no value. Write one behind the equals sign, or null for the default, as if the key were not there.",
      key.substr(0, 200));
}

}  // namespace annulus::trainer
