// One method a form of value; shortest decimal texts that read back to the same bits.
#include "trainer/model/config_writer.hpp"

#include <fmt/format.h>

#include "trainer/model/layer_fields.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

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

/// True when the padding in numbers gives a size that is not whole, which only "same" may round.
bool rounds_up(const SampleShape& input, const Size2& span, const Size2& stride, const Padding& padding) {
  return (input.height - span.height + padding.top + padding.bottom) % stride.height != 0 ||
         (input.width - span.width + padding.left + padding.right) % stride.width != 0;
}

PaddingMode mode_of(const Layer& layer) {
  bool same = false;
  if (const auto* conv = std::get_if<Conv2d>(&layer.operation)) {
    same = rounds_up(layer.input, kernel_span(*conv), conv->stride, conv->padding);
  }
  if (const auto* pool = std::get_if<Pool2d>(&layer.operation)) {
    same = rounds_up(layer.input, pool->size, pool->stride, pool->padding);
  }
  return same ? PaddingMode::same : PaddingMode::given;
}

}  // namespace

void ConfigWriter::write(const std::string& key, const std::string& value) {
  values_.push_back({prefix_ + key, value});
  if (in_layer_) {
    layer_fields_ += fmt::format("{}{}: {}", layer_fields_.empty() ? "" : ", ", key, value);
  } else {
    yaml_ += fmt::format("{}{}: {}\n", prefix_.empty() ? "" : "  ", key, value);
  }
}

void ConfigWriter::begin(const char* group) {
  prefix_ = fmt::format("{}.", group);
  yaml_ += fmt::format("{}:\n", group);
}

void ConfigWriter::end() { prefix_.clear(); }

void ConfigWriter::text(const char* key, std::string& value) {
  if (!value.empty()) write(key, to_yaml(value));  // a key without a value cannot be read back
}

void ConfigWriter::flag(const char* key, bool& value) { write(key, value ? "true" : "false"); }

void ConfigWriter::whole(const char* key, std::int64_t& value, const Limits&) {
  write(key, fmt::format("{}", value));
}

void ConfigWriter::number(const char* key, double& value, const Limits&) {
  write(key, fmt::format("{}", value));
}

void ConfigWriter::number(const char* key, float& value, const Limits&) {
  write(key, fmt::format("{}", value));
}

void ConfigWriter::numbers(const char* key, std::vector<float>& values, const Limits&) {
  write(key, fmt::format("[{}]", fmt::join(values, ", ")));
}

void ConfigWriter::interval(const char* key, float& low, float& high, IntervalForm) {
  write(key, fmt::format("[{}, {}]", low, high));
}

void ConfigWriter::word(const char* key, int& index, const std::vector<std::string>& words) {
  write(key, words[index]);
}

void ConfigWriter::size(const char* key, Size2& size, const Limits&) {
  write(key, fmt::format("[{}, {}]", size.height, size.width));
}

void ConfigWriter::padding(const char* key, Padding& padding, PaddingMode& mode) {
  write(key, mode == PaddingMode::same
                 ? "same"
                 : fmt::format("[{}, {}, {}, {}]", padding.top, padding.bottom, padding.left, padding.right));
}

void ConfigWriter::inputs(std::vector<std::string>& names) {
  if (!names.empty()) write("inputs", list_of(names));
}

void ConfigWriter::names(const char* key, std::map<std::string, std::string>& names) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : names)
    entries.push_back(fmt::format("{}: {}", to_yaml(name), to_yaml(value)));
  if (!entries.empty()) write(key, fmt::format("{{{}}}", fmt::join(entries, ", ")));
}

void ConfigWriter::network(Network& network) {
  begin("network");
  if (network.vectors.empty() && network.image_name == Network{}.image_name)
    write("input", extents_of(network.input));
  else
    write("inputs", inputs_of(network));
  yaml_ += "  layers:\n";
  for (std::size_t i = 0; i < network.layers.size(); ++i) write_layer(network, i);
  end();
}

void ConfigWriter::write_layer(const Network& network, std::size_t index) {
  const Layer& layer = network.layers[index];
  LayerDraft draft{layer.operation,
                   {.padding = mode_of(layer), .activation = layer.activation, .name = layer.name}};
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

}  // namespace annulus::trainer
