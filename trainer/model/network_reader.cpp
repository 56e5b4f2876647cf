// Layers from YAML: long form `- conv2d: {filters: 8}`, short forms `- dense: 10` and `- relu`.
#include "trainer/model/network_reader.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/lower_case.hpp"
#include "base/nearest_name.hpp"
#include "trainer/model/foreign_names.hpp"
#include "trainer/model/layer_table.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

using Kind = YamlNode::Kind;

std::int64_t pixels_of(const YamlNode& node, const std::string& key) {
  const bool plain = node.kind == Kind::scalar && !node.quoted;
  const std::optional<std::int64_t> value = plain ? parse_whole(node.text) : std::nullopt;
  if (value && *value >= 0 && *value <= NetworkLimits::kKernelSide) return *value;
  throw UsageError(
      "{}: {} is {}, but must be valid, same, a number of pixels from 0 to {}, [top, bottom, left, right] or {{height: n, width: n}}.",
      node.place(), key, describe_kind(node), NetworkLimits::kKernelSide);
}

/// n or [before, after].
std::pair<std::int64_t, std::int64_t> sides_of(const YamlNode& node, const std::string& key) {
  if (node.kind == Kind::sequence && node.items.size() == 2) {
    return {pixels_of(node.items[0], key), pixels_of(node.items[1], key)};
  }
  const std::int64_t both = pixels_of(node, key);
  return {both, both};
}

void read_padding_group(const YamlNode& node, const std::string& key, Padding& padding) {
  for (const YamlEntry& entry : node.entries) {
    const auto [before, after] = sides_of(entry.value, key + "." + entry.key);
    if (entry.key == "height") {
      padding.top = before;
      padding.bottom = after;
    } else if (entry.key == "width") {
      padding.left = before;
      padding.right = after;
    } else {
      throw UsageError("{}: unknown key {}.{}. Keys possible here: height, width.", entry.value.place(), key,
                       entry.key);
    }
  }
}

/// The whole numbers of a list, or nothing when it is not such a list.
std::vector<std::int64_t> extents_of(const YamlNode& node) {
  std::vector<std::int64_t> extents;
  for (const YamlNode& item : node.items) {
    const std::optional<std::int64_t> value =
        item.kind == Kind::scalar ? parse_whole(item.text) : std::nullopt;
    if (!value) return {};
    extents.push_back(*value);
  }
  return extents;
}

SampleShape image_shape_of(const YamlNode& node, const std::string& key) {
  const std::vector<std::int64_t> extents = extents_of(node);
  if (extents.size() == 3) return {.height = extents[0], .width = extents[1], .channels = extents[2]};
  if (extents.size() == 1) return {.channels = extents[0], .flat = true};
  throw UsageError("{}: {} is {}, but must be [height, width, channels], or [values] for flat vectors.",
                   node.place(), key, describe_kind(node));
}

/// `inputs: {image: [32, 32, 2], track: [31]}`: the image first, then flat vectors.
NetworkBuilder with_named_inputs(ConfigReader& reader, const YamlNode& node) {
  const std::string key = reader.full("inputs");
  if (node.kind != Kind::mapping || node.entries.empty()) {
    throw UsageError(
        "{}: {} is {}, but must name the inputs with their sizes, the image first, e.g. inputs: {{image: [32, 32, 2], track: [31]}}.",
        node.place(), key, describe_kind(node));
  }
  const YamlEntry& image = node.entries.front();
  NetworkBuilder builder(image_shape_of(image.value, key + "." + image.key), node.source);
  builder.name_image(image.key);
  for (std::size_t i = 1; i < node.entries.size(); ++i) {
    const auto& [name, value] = node.entries[i];
    const std::vector<std::int64_t> extents = extents_of(value);
    if (extents.size() != 1) {
      throw UsageError(
          "{}: {}.{} is {}, but inputs behind the first are flat vectors: write their length, e.g. [31]. The image comes first.",
          value.place(), key, name, describe_kind(value));
    }
    builder.vector_input({name, extents.front()});
  }
  return builder;
}

/// A builder that knows the network's inputs, from `input` or from `inputs`.
NetworkBuilder read_inputs(ConfigReader& reader, const YamlNode& network) {
  const YamlNode* node = reader.take("input");
  const YamlNode* named = reader.take("inputs");
  const std::string key = reader.full("input");
  if (node == nullptr && named == nullptr) {
    throw UsageError(
        "{}: {} is missing: the size of the images (height, width, channels), e.g. input: [32, 32, 3], or of flat vectors, e.g. [4].",
        network.place(), key);
  }
  if (node != nullptr && named != nullptr) {
    throw UsageError("{}: both {} and {} are given. Keep {}, which names all inputs.", named->place(), key,
                     reader.full("inputs"), reader.full("inputs"));
  }
  if (named != nullptr) {
    reader.record(reader.full("inputs"), *named);
    return with_named_inputs(reader, *named);
  }
  reader.record(key, *node);
  return NetworkBuilder(image_shape_of(*node, key), network.source);
}

[[noreturn]] void fail_layer(const YamlNode& node, const std::string& key, const std::string& reason) {
  throw UsageError(
      "{}: {} {}. A layer is written `- relu`, `- dense: 10` or `- conv2d: {{filters: 8, kernel: 3}}`, with longer settings indented below the type.",
      node.place(), key, reason);
}

/// The type as it is called here, whatever its letters. @throws UsageError with what is likely meant
std::string known_type(const std::string& given, const YamlNode& item, const std::string& key) {
  const std::vector<std::string>& types = layer_types();
  const std::string small = lower_case(given);
  if (std::find(types.begin(), types.end(), small) != types.end()) return small;
  std::string hint = advice_about_layer(given);
  if (hint.empty()) {
    const std::string nearest = io::nearest_name(given.substr(0, YamlLimits::kKeyBytes), types);
    if (!nearest.empty()) hint = " Did you mean " + nearest + "?";
  }
  throw UsageError("{}: {} has the unknown type {}.{} Types: {}.", item.place(), key,
                   describe_kind(YamlNode{.kind = Kind::scalar, .text = given}), hint,
                   fmt::join(types, ", "));
}

/// Type and settings of one item of `layers`.
struct LayerText {
  std::string type;
  const YamlNode* settings = nullptr;  ///< null for `- relu`
};

LayerText split_item(const YamlNode& item, const std::string& key) {
  LayerText text;
  if (item.kind == Kind::scalar) {
    text.type = item.text;
  } else if (item.kind == Kind::mapping && item.entries.size() == 1) {
    text = {item.entries[0].key, &item.entries[0].value};
  } else if (item.kind == Kind::mapping) {
    std::vector<std::string> keys;
    for (const YamlEntry& entry : item.entries) keys.push_back(entry.key);
    fail_layer(item, key, fmt::format("has several keys ({}) beside each other", fmt::join(keys, ", ")));
  } else {
    fail_layer(item, key, "is " + describe_kind(item));
  }
  text.type = known_type(text.type, item, key);
  return text;
}

/// `- dense: 10` as `- dense: {units: 10}`; other nodes as they are.
YamlNode expand_short_form(const LayerText& text) {
  if (text.settings == nullptr || text.settings->kind == Kind::null) return {};
  if (text.settings->kind == Kind::mapping) return *text.settings;
  const std::string& key = layer_type(text.type).short_key;
  if (key.empty()) {
    throw UsageError("{}: {} has no short form with a value. Write `- {}` or give keys, e.g. {{name: {}_a}}.",
                     text.settings->place(), text.type, text.type, text.type);
  }
  YamlNode group{.kind = Kind::mapping, .source = text.settings->source, .line = text.settings->line};
  group.entries.push_back({key, *text.settings});
  return group;
}

/// Refuses a layer without the keys that it says nothing without.
void require_keys(const RequiredKeys& required, const YamlNode& settings, const std::string& place) {
  std::vector<std::string> keys;
  for (const char* key : required.keys)
    if (key != nullptr) keys.push_back(key);
  const bool complete = std::ranges::all_of(keys, [&](const std::string& key) { return settings.find(key); });
  if (!complete) throw UsageError("{} needs {}, e.g. {}.", place, fmt::join(keys, " and "), required.example);
}

void read_layer(ConfigReader& reader, const YamlNode& item, const std::string& key, NetworkBuilder& builder) {
  const LayerText text = split_item(item, key);
  const std::string prefix = key + "." + text.type;
  const YamlNode settings = expand_short_form(text);
  const LayerType& type = layer_type(text.type);
  LayerDraft draft{type.operation, {}};
  reader.enter(&settings, prefix);
  describe(reader, draft);
  reader.leave();
  require_keys(type.required, settings, fmt::format("{}: {}", item.place(), prefix));
  draft.options.line = item.line;
  builder.add(draft.operation, draft.options);
}

}  // namespace

void read_padding(const YamlNode& node, const std::string& key, Padding& padding, PaddingMode& mode) {
  mode = PaddingMode::given;
  padding = {};
  if (node.kind == Kind::scalar && lower_case(node.text) == "same") {
    mode = PaddingMode::same;
  } else if (node.kind == Kind::scalar && lower_case(node.text) == "valid") {
    return;
  } else if (node.kind == Kind::sequence && node.items.size() == 4) {
    padding = {pixels_of(node.items[0], key), pixels_of(node.items[1], key), pixels_of(node.items[2], key),
               pixels_of(node.items[3], key)};
  } else if (node.kind == Kind::mapping) {
    read_padding_group(node, key, padding);
  } else {
    const std::int64_t all = pixels_of(node, key);
    padding = {all, all, all, all};
  }
}

Network read_network(ConfigReader& reader, const YamlNode& node) {
  reader.enter(&node, "network");
  NetworkBuilder builder = read_inputs(reader, node);
  bool strict = false;
  reader.flag("strict_shapes", strict);
  builder.strict_shapes(strict);
  const YamlNode* layers = reader.take("layers");
  if (layers == nullptr || layers->kind != Kind::sequence) {
    throw UsageError(
        "{}: network.layers is missing or is not a list. List the layers, one per line: `- relu`.",
        layers ? layers->place() : node.place());
  }
  reader.leave();
  for (std::size_t i = 0; i < layers->items.size(); ++i) {
    read_layer(reader, layers->items[i], fmt::format("network.layers.{}", i), builder);
  }
  return builder.build();
}

}  // namespace annulus::trainer
