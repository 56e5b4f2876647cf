// One method a form of value; groups are a stack of mappings with the keys asked for so far.
#include "trainer/model/config_reader.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "trainer/model/config_overrides.hpp"
#include "trainer/model/network_reader.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestList = 65536;

using Kind = YamlNode::Kind;

[[noreturn]] void fail_type(const YamlNode& node, const std::string& key, const std::string& wanted) {
  throw UsageError("{}: {} is {}, but must be {}.", node.place(), key, describe_kind(node), wanted);
}

[[noreturn]] void fail_range(const YamlNode& node, const std::string& key, const Limits& limits) {
  throw UsageError("{}: {} is {}, but must {}.", node.place(), key, node.text.substr(0, 60), limits.text());
}

/// Taken away by `key=null` on the command line.
bool is_dropped(const YamlNode& node) { return node.kind == Kind::null && node.source == kCommandLine; }

bool is_word(const YamlNode& node) { return node.kind == Kind::scalar && !node.quoted; }

const std::string& line_of(const YamlNode& node, const std::string& key) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  const bool good = node.kind == Kind::scalar && !node.text.empty() && node.text.size() <= kLongestText &&
                    std::none_of(node.text.begin(), node.text.end(), is_control);
  if (!good) fail_type(node, key, fmt::format("one line of 1 to {} letters", kLongestText));
  return node.text;
}

const std::vector<YamlNode>& list_of(const YamlNode& node, const std::string& key,
                                     const std::string& wanted) {
  if (node.kind != Kind::sequence || node.items.size() > kLongestList) fail_type(node, key, wanted);
  return node.items;
}

std::string join_words(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

[[noreturn]] void fail_unknown(const YamlEntry& entry, const std::string& full_key,
                               const std::vector<std::string>& known) {
  const std::string nearest = io::nearest_name(entry.key, known);
  const std::string hint = nearest.empty() ? "" : fmt::format(" Did you mean {}?", nearest);
  throw UsageError("{}: unknown key {}.{} Keys possible here: {}.", entry.value.place(), full_key, hint,
                   join_words(known));
}

}  // namespace

ConfigReader::ConfigReader(const YamlNode& root) { enter(&root, ""); }

void ConfigReader::finish() {
  const std::string place = frames_.back().node->place();
  leave();
  if (has_network_) return;
  throw UsageError(
      "{}: network is missing. Say what the images look like and list the layers:\n"
      "network:\n  input: [32, 32, 3]\n  layers:\n    - flatten\n    - dense: 10\n    - softmax",
      place);
}

std::string ConfigReader::full(const std::string& key) const {
  const std::string& prefix = frames_.back().prefix;
  return prefix.empty() ? key : prefix + "." + key;
}

void ConfigReader::enter(const YamlNode* node, const std::string& prefix) {
  const bool absent = node == nullptr || node->kind == Kind::null;  // a group whose keys are all comments
  if (!absent && node->kind != Kind::mapping) {
    fail_type(*node, prefix.empty() ? "the configuration" : prefix, "a group of keys (key: value lines)");
  }
  frames_.push_back({node, prefix, {}});
}

void ConfigReader::leave() {
  const Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.node == nullptr) return;
  for (const YamlEntry& entry : frame.node->entries) {
    if (std::find(frame.known.begin(), frame.known.end(), entry.key) != frame.known.end()) continue;
    fail_unknown(entry, frame.prefix.empty() ? entry.key : frame.prefix + "." + entry.key, frame.known);
  }
}

const YamlNode* ConfigReader::take(const std::string& key) {
  Frame& frame = frames_.back();
  frame.known.push_back(key);
  return frame.node == nullptr ? nullptr : frame.node->find(key);
}

const YamlNode* ConfigReader::given(const char* key) {
  const YamlNode* node = take(key);
  if (node == nullptr || is_dropped(*node)) return nullptr;
  if (node->kind == Kind::null) {
    throw UsageError("{}: {} has no value. Write one after the colon, or remove the line for the default.",
                     node->place(), full(key));
  }
  record(full(key), *node);
  return node;
}

void ConfigReader::begin(const char* group) {
  const YamlNode* node = take(group);
  enter(node, full(group));
}

void ConfigReader::end() { leave(); }

void ConfigReader::text(const char* key, std::string& value) {
  if (const YamlNode* node = given(key)) value = line_of(*node, full(key));
}

void ConfigReader::flag(const char* key, bool& value) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  if (!is_word(*node) || (node->text != "true" && node->text != "false")) {
    fail_type(*node, full(key), "true or false");
  }
  value = node->text == "true";
}

std::int64_t ConfigReader::whole_of(const YamlNode& node, const std::string& key,
                                    const Limits& limits) const {
  const std::optional<std::int64_t> value = is_word(node) ? parse_whole(node.text) : std::nullopt;
  if (value && limits.contains(static_cast<double>(*value))) return *value;
  const std::optional<double> real = is_word(node) ? parse_double(node.text) : std::nullopt;
  if (!real || std::trunc(*real) != *real) fail_type(node, key, "a whole number");
  if (!limits.contains(*real)) fail_range(node, key, limits);
  fail_type(node, key, fmt::format("a whole number in digits: {:.0f}", *real));  // e.g. 1e3
}

float ConfigReader::float_of(const YamlNode& node, const std::string& key, const Limits& limits) const {
  const std::optional<float> value = is_word(node) ? parse_float(node.text) : std::nullopt;
  if (!value) fail_type(node, key, "a number");
  if (!limits.contains(*value)) fail_range(node, key, limits);
  return *value;
}

void ConfigReader::whole(const char* key, std::int64_t& value, const Limits& limits) {
  if (const YamlNode* node = given(key)) value = whole_of(*node, full(key), limits);
}

void ConfigReader::number(const char* key, double& value, const Limits& limits) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  const std::optional<double> parsed = is_word(*node) ? parse_double(node->text) : std::nullopt;
  if (!parsed) fail_type(*node, full(key), "a number");
  if (!limits.contains(*parsed)) fail_range(*node, full(key), limits);
  value = *parsed;
}

void ConfigReader::number(const char* key, float& value, const Limits& limits) {
  if (const YamlNode* node = given(key)) value = float_of(*node, full(key), limits);
}

void ConfigReader::numbers(const char* key, std::vector<float>& values, const Limits& limits) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  values.clear();
  for (const YamlNode& item : list_of(*node, full(key), "a list of numbers, e.g. [0.5, 0.5]")) {
    values.push_back(float_of(item, fmt::format("{}[{}]", full(key), values.size()), limits));
  }
}

void ConfigReader::interval(const char* key, float& low, float& high, IntervalForm form) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  constexpr Limits kFactor{0, 1000, Limits::Ends::low_open};
  if (form == IntervalForm::around_one && node->kind == Kind::scalar) {
    const float reach = float_of(*node, full(key), {0, 1, Limits::Ends::high_open});
    low = 1 - reach;
    high = 1 + reach;
    return;
  }
  const std::string wanted = form == IntervalForm::around_one
                                 ? "a number r (for [1 - r, 1 + r]) or a list [lowest, highest]"
                                 : "a list [lowest, highest], e.g. [0.8, 1.2]";
  const std::vector<YamlNode>& ends = list_of(*node, full(key), wanted);
  if (ends.size() != 2) fail_type(*node, full(key), wanted);
  low = float_of(ends[0], full(key), kFactor);
  high = float_of(ends[1], full(key), kFactor);
  if (low > high) {
    throw UsageError("{}: {} is [{}, {}], but the lowest must come first. Swap them.", node->place(),
                     full(key), low, high);
  }
}

void ConfigReader::word(const char* key, int& index, const std::vector<std::string>& words) {
  const YamlNode* node = given(key);
  if (node == nullptr && std::string(key) == "kind" && frames_.back().node != nullptr &&
      frames_.back().node->find("name") != nullptr) {
    node = given("name");  // `name: sgd` reads naturally too
    if (node != nullptr) record(full(key), *node);
  }
  if (node == nullptr) return;
  const auto found = std::find(words.begin(), words.end(), node->text);
  if (node->kind != Kind::scalar || found == words.end()) {
    const std::string nearest =
        node->kind == Kind::scalar ? io::nearest_name(node->text.substr(0, 64), words) : "";
    fail_type(*node, full(key),
              "one of " + join_words(words) + (nearest.empty() ? "" : ". Did you mean " + nearest + "?"));
  }
  index = static_cast<int>(found - words.begin());
}

void ConfigReader::size(const char* key, Size2& size, const Limits& limits) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  if (node->kind != Kind::sequence) {
    size.height = size.width = whole_of(*node, full(key), limits);
    return;
  }
  if (node->items.size() != 2) fail_type(*node, full(key), "a whole number or [height, width]");
  size = {whole_of(node->items[0], full(key), limits), whole_of(node->items[1], full(key), limits)};
}

void ConfigReader::padding(const char* key, Padding& padding, PaddingMode& mode) {
  if (const YamlNode* node = given(key)) read_padding(*node, full(key), padding, mode);
}

void ConfigReader::inputs(std::vector<std::string>& names) {
  const YamlNode* one = given("input");
  const YamlNode* several = given("inputs");
  if (one && several) {
    throw UsageError("{}: both input and inputs are given. Keep one of them.", several->place());
  }
  if (one) {
    if (one->kind != Kind::scalar)
      fail_type(*one, full("input"), "the name of one layer (inputs: takes a list)");
    names = {one->text};
  }
  if (!several) return;
  for (const YamlNode& item : list_of(*several, full("inputs"), "a list of layer names")) {
    if (item.kind != Kind::scalar) fail_type(item, full("inputs"), "a list of layer names");
    names.push_back(item.text);
  }
}

void ConfigReader::names(const char* key, std::map<std::string, std::string>& names) {
  const YamlNode* node = given(key);
  if (node == nullptr) return;
  if (node->kind != Kind::mapping) fail_type(*node, full(key), "a group of name: value pairs");
  names.clear();
  for (const YamlEntry& entry : node->entries) {
    if (is_dropped(entry.value)) continue;
    names[entry.key] = line_of(entry.value, full(key) + "." + entry.key);
  }
}

void ConfigReader::network(Network& network) {
  const YamlNode* node = take("network");
  if (node == nullptr || node->kind == Kind::null) return;
  has_network_ = true;
  network = read_network(*this, *node);
}

}  // namespace annulus::trainer
