// One function per form of value; shortest decimal texts that read back to the same bits.
#include "trainer/model/config_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "trainer/model/layer_table.hpp"
#include "trainer/model/nested_numbers.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

/// Of the keys that a resumed run is free to change, those that change no bit of a model, of its figures or
/// of what chooses it.
bool is_beside_the_model(const std::string& key) {
  constexpr auto kBeside = std::to_array<std::string_view>(
      {"data.loader_threads", "data.gpu_mb", "device.threads", "device.graph", "device.gpu_sharing",
       "device.mixed", "bucket_kb", "checkpoint.every_epochs", "checkpoint.every_steps",
       "checkpoint.every_seconds", "checkpoint.keep_last", "checkpoint.keep_best",
       "checkpoint.keep_every_epochs", "checkpoint.keep_every_steps", "ledger.", "watchdog.", "debug"});
  return std::ranges::any_of(kBeside, [&](std::string_view beside) {
    return beside.back() == '.' ? key.starts_with(beside) : key == beside;
  });
}

std::string list_of(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  quoted.reserve(names.size());
  for (const std::string& name : names) quoted.push_back(to_yaml(name));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string extents_of(const SampleShape& shape) {
  if (shape.flat) return fmt::format("[{}]", shape.channels);
  return fmt::format("[{}, {}, {}]", shape.height, shape.width, shape.channels);
}

std::string inputs_of(const Network& network) {
  std::string text = fmt::format("{{{}: {}", to_yaml(network.image_name), extents_of(network.input));
  for (const NamedVector& vector : network.vectors)
    text += fmt::format(", {}: [{}]", to_yaml(vector.name), vector.length);
  return text + "}";
}

/// A value as YAML; empty for one that is left out, since a key without a value cannot be read back.
struct AsYaml {
  Paddings paddings;

  std::string operator()(const TextValue& value) const {
    return value.text.empty() ? "" : to_yaml(value.text);
  }
  std::string operator()(const FlagValue& value) const { return value.flag ? "true" : "false"; }
  std::string operator()(const WholeValue& value) const { return fmt::format("{}", value.number); }
  template <class Real>
  std::string operator()(const RealValue<Real>& value) const {
    return fmt::format("{}", value.number);
  }
  std::string operator()(const ListValue& value) const {
    return fmt::format("[{}]", fmt::join(value.numbers, ", "));
  }
  std::string operator()(const IntervalValue& value) const {
    return fmt::format("[{}, {}]", value.low, value.high);
  }
  std::string operator()(const AmountValue& value) const {
    if (value.count > 0) return fmt::format("[{}]", fmt::join(value.choices.first(value.count), ", "));
    const bool looks_whole = value.amount == std::trunc(value.amount);
    return fmt::format("{}{}", value.amount, value.has_point && looks_whole ? ".0" : "");
  }
  std::string operator()(const WordValue& value) const { return value.words[value.index]; }
  std::string operator()(const SizeValue& value) const {
    return fmt::format("[{}, {}]", value.size.height, value.size.width);
  }
  std::string operator()(const PaddingValue& value) const {
    if (value.mode == PaddingMode::same && paddings == Paddings::as_given) return "same";
    const Padding& padding = value.padding;
    return fmt::format("[{}, {}, {}, {}]", padding.top, padding.bottom, padding.left, padding.right);
  }
  std::string operator()(const WeightsValue& value) const { return nested_numbers_text(value.weights); }
  std::string operator()(const TextsValue& value) const {
    if (value.texts.size() == 1) return to_yaml(value.texts.front());
    return value.texts.empty() ? "" : list_of(value.texts);
  }
  std::string operator()(const NamesValue& value) const {
    std::vector<std::string> entries;
    for (const auto& [name, text] : value.names)
      entries.push_back(fmt::format("{}: {}", to_yaml(name), to_yaml(text)));
    return entries.empty() ? "" : fmt::format("{{{}}}", fmt::join(entries, ", "));
  }
};

}  // namespace

void ConfigWriter::write(const std::string& key, const std::string& value) {
  if (leaves_out_ && leaves_out_(prefix_ + key)) return;
  yaml_ += std::exchange(group_line_, "");
  values_.push_back({prefix_ + key, value});
  if (in_layer_) {
    layer_fields_ += fmt::format("{}{}: {}", layer_fields_.empty() ? "" : ", ", key, value);
  } else {
    yaml_ += fmt::format("{}{}: {}\n", prefix_.empty() ? "" : "  ", key, value);
  }
}

void ConfigWriter::begin(const char* group) {
  prefix_ = fmt::format("{}.", group);
  group_line_ = fmt::format("{}:\n", group);
}

void ConfigWriter::end() {
  prefix_.clear();
  if (!leaves_out_) yaml_ += group_line_;
  group_line_.clear();
}

void ConfigWriter::visit(const char* key, const FieldValue& value) {
  const std::string text = std::visit(AsYaml{paddings_}, value);
  if (!text.empty()) write(key, text);
}

void ConfigWriter::inputs(std::vector<std::string>& names) {
  if (!names.empty()) write("inputs", list_of(names));
}

void ConfigWriter::network(Network& network) {
  begin("network");
  if (network.vectors.empty() && network.image_name == Network{}.image_name)
    write("input", extents_of(network.input));
  else
    write("inputs", inputs_of(network));
  flag("strict_shapes", network.strict_shapes);
  yaml_ += "  layers:\n";
  for (std::size_t i = 0; i < network.layers.size(); ++i) write_layer(network, i);
  end();
}

void ConfigWriter::write_layer(const Network& network, std::size_t index) {
  const Layer& layer = network.layers[index];
  LayerDraft draft{layer.operation, {.activation = layer.activation, .name = layer.name}};
  if (layer.inputs != std::vector<int>{static_cast<int>(index) - 1}) {
    for (const int input : layer.inputs) {
      draft.options.inputs.push_back(network.name_of(input));
    }
  }
  prefix_ = fmt::format("network.layers.{}.{}.", index, layer.type);
  in_layer_ = true;
  layer_fields_.clear();
  describe(*this, draft);
  in_layer_ = false;
  prefix_ = "network.";
  yaml_ += fmt::format("    - {}: {{{}}}\n", layer.type, layer_fields_);
}

std::string yaml_of_model(const Config& config) {
  ConfigWriter writer(Paddings::as_given, is_beside_the_model);
  Config copy = config;
  describe(writer, copy);
  return writer.yaml();
}

}  // namespace annulus::trainer
