// Widths and rules are Keras'; kinds of layers that it lacks go by the word of the configuration.
#include "trainer/model/keras_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

using Row = std::vector<std::string>;

/// Where columns end: 65 characters for layers in a row, 98 for a graph.
const std::vector<std::size_t> kRowEnds{29, 55, 65};
const std::vector<std::size_t> kGraphEnds{32, 53, 65, 98};

std::string with_commas(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// A default name with Keras 2's number: conv2d is its conv2d_1, conv2d_1 its conv2d_2.
std::string numbered_name(const std::string& name, const std::string& standard) {
  if (name == standard) return standard + "_1";
  if (!name.starts_with(standard + "_")) return name;
  const std::string digits = name.substr(standard.size() + 1);
  const bool number =
      !digits.empty() && digits.size() <= 6 && digits.front() != '0' &&
      std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c); });
  return number ? fmt::format("{}_{}", standard, std::stol(digits) + 1) : name;
}

std::string name_of(const Network& network, int index) {
  if (index < 0) return numbered_name(network.name_of(index), "input");
  const Layer& layer = network.layers[static_cast<std::size_t>(index)];
  return numbered_name(layer.name, type_of(layer.operation).keras_name);
}

Row row_of(const std::string& name, const std::string& type, const SampleShape& shape,
           std::int64_t parameters) {
  return {fmt::format("{} ({})", name, type), fmt::format("(None, {})", to_string(shape)),
          fmt::format("{}", parameters)};
}

Row row_of(const Network& network, int index) {
  if (index < 0) return row_of(name_of(network, index), "InputLayer", network.shape_of(index), 0);
  const Layer& layer = network.layers[static_cast<std::size_t>(index)];
  const LayerType& type = type_of(layer.operation);
  return row_of(name_of(network, index), type.keras_class.empty() ? type.word : type.keras_class,
                layer.output, parameter_count(layer));
}

/// As Keras' print_row(): a field is cut one character before the next begins.
std::string line_of(const Row& row, const std::vector<std::size_t>& ends) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line.back() = ' ';
    line += row[i];
    line.resize(ends[i], ' ');
  }
  return line + "\n";
}

bool is_row_of_layers(const Network& network) {
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].inputs != std::vector<int>{static_cast<int>(i) - 1}) return false;
  return true;
}

/// The rows of a layer in a graph: its first input stands beside it, each other one in a row below.
std::string graph_lines(const Network& network, int index) {
  Row row = row_of(network, index);
  std::vector<std::string> sources;
  if (index >= 0)
    for (const int input : network.layers[static_cast<std::size_t>(index)].inputs)
      sources.push_back(name_of(network, input) + "[0][0]");
  row.push_back(sources.empty() ? "" : sources.front());
  std::string lines = line_of(row, kGraphEnds);
  for (std::size_t i = 1; i < sources.size(); ++i) lines += line_of({"", "", "", sources[i]}, kGraphEnds);
  return lines;
}

}  // namespace

std::string keras_summary(const Network& network) {
  const bool in_a_row = is_row_of_layers(network);
  const std::vector<std::size_t>& ends = in_a_row ? kRowEnds : kGraphEnds;
  const auto rule = [&](char character) { return std::string(ends.back(), character) + "\n"; };
  Row header{"Layer (type)", "Output Shape", "Param #"};
  if (!in_a_row) header.emplace_back("Connected to");
  std::string text = rule('_') + line_of(header, ends) + rule('=');
  const int last = static_cast<int>(network.layers.size()) - 1;
  std::vector<int> order;
  for (int k = 0; !in_a_row && k <= static_cast<int>(network.vectors.size()); ++k)
    order.push_back(k == 0 ? kImageIndex : vector_index(k - 1));
  for (int i = 0; i <= last; ++i) order.push_back(i);
  for (const int index : order)
    text += (in_a_row ? line_of(row_of(network, index), ends) : graph_lines(network, index)) +
            rule(index == last ? '=' : '_');
  std::int64_t trainable = 0;
  for (const Layer& layer : network.layers) trainable += cost_of(layer).trainable;
  const std::int64_t total = parameter_count(network);
  return text + fmt::format("Total params: {}\nTrainable params: {}\nNon-trainable params: {}\n{}",
                            with_commas(total), with_commas(trainable), with_commas(total - trainable),
                            rule('_'));
}

}  // namespace annulus::trainer
