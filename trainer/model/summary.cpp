// Costs layer by layer, and two ways of writing them down.
#include "trainer/model/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

std::string grouped(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1 << 20));
}

using Row = std::vector<std::string>;

Row row_of(const LayerSummary& layer, bool with_inputs) {
  Row row{fmt::format("{} ({})", layer.name, layer.type),
          to_string(layer.output),
          grouped(layer.cost.parameters),
          grouped(layer.cost.connections),
          grouped(layer.cost.flops),
          grouped(layer.cost.activation_bytes)};
  if (with_inputs) row.push_back(fmt::format("{}", fmt::join(layer.inputs, ", ")));
  return row;
}

/// True when some layer takes something else than what the layer before it puts out.
bool is_graph(const NetworkSummary& summary) {
  std::string previous = summary.inputs.front().name;
  for (const LayerSummary& layer : summary.layers) {
    if (layer.inputs != std::vector<std::string>{previous}) return true;
    previous = layer.name;
  }
  return false;
}

std::string layout(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  std::size_t length = 0;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number = i >= 2 && i <= 5;
      line +=
          number ? fmt::format("{:>{}}  ", row[i], widths[i]) : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    length = std::max(length, line.size());
    text += line + "\n";
    if (&row == &rows.front()) text += "@";
  }
  const std::string rule(length, '-');
  text.replace(text.find('@'), 1, rule + "\n");
  return text + rule + "\n";
}

/// "input (32, 32, 3)" or "image (32, 32, 2), track (31)".
std::string inputs_text(const NetworkSummary& summary) {
  std::vector<std::string> inputs;
  for (const InputSummary& input : summary.inputs)
    inputs.push_back(fmt::format("{} ({})", input.name, to_string(input.shape)));
  return fmt::format("{}", fmt::join(inputs, ", "));
}

nlohmann::ordered_json shape_json(const SampleShape& shape) {
  if (shape.flat) return {shape.channels};
  return {shape.height, shape.width, shape.channels};
}

/// "1 row and 2 columns"; empty for none.
std::string lines_text(std::int64_t rows, std::int64_t columns) {
  std::vector<std::string> parts;
  if (rows > 0) parts.push_back(fmt::format("{} row{}", rows, rows == 1 ? "" : "s"));
  if (columns > 0) parts.push_back(fmt::format("{} column{}", columns, columns == 1 ? "" : "s"));
  return fmt::format("{}", fmt::join(parts, " and "));
}

nlohmann::ordered_json lines_json(std::int64_t rows, std::int64_t columns) {
  return {{"rows", rows}, {"columns", columns}};
}

/// A line for each layer that leaves something over.
std::string left_over_lines(const NetworkSummary& summary) {
  std::string text;
  for (const LayerSummary& layer : summary.layers)
    if (const std::string note = to_string(layer.left_over); !note.empty())
      text += fmt::format("{}: {}\n", layer.name, note);
  return text;
}

void add_cost(nlohmann::ordered_json& object, const Cost& cost) {
  object["parameters"] = cost.parameters;
  object["trainable"] = cost.trainable;
  object["fixed"] = cost.fixed;
  object["connections"] = cost.connections;
  object["flops"] = cost.flops;
  object["activation_bytes"] = cost.activation_bytes;
}

}  // namespace

NetworkSummary summarise(const Network& network) {
  NetworkSummary summary{.inputs = {{network.image_name, network.input}}, .layers = {}, .total = {}};
  for (std::size_t k = 0; k < network.vectors.size(); ++k)
    summary.inputs.push_back({network.vectors[k].name, network.shape_of(vector_index(static_cast<int>(k)))});
  for (const Layer& layer : network.layers) {
    std::vector<std::string> inputs;
    for (const int index : layer.inputs) inputs.push_back(network.name_of(index));
    const Cost cost = cost_of(layer);
    summary.layers.push_back({layer.name, layer.type, word_of(layer.activation), std::move(inputs),
                              layer.output, cost, layer.left_over});
    summary.total.parameters += cost.parameters;
    summary.total.trainable += cost.trainable;
    summary.total.fixed += cost.fixed;
    summary.total.connections += cost.connections;
    summary.total.flops += cost.flops;
    summary.total.activation_bytes += cost.activation_bytes;
  }
  return summary;
}

std::int64_t training_flops(const NetworkSummary& summary) {
  std::set<std::string> fixed;  // names of what no parameter changes: nobody wants its gradient
  for (const InputSummary& input : summary.inputs) fixed.insert(input.name);
  std::int64_t flops = 0;
  for (const LayerSummary& layer : summary.layers) {
    const bool reads_fixed = std::all_of(layer.inputs.begin(), layer.inputs.end(),
                                         [&](const std::string& name) { return fixed.contains(name); });
    const bool trainable = layer.cost.trainable > 0;
    if (reads_fixed && !trainable) fixed.insert(layer.name);
    const int passes = 1 + (reads_fixed ? 0 : 1) + (trainable ? 1 : 0);
    flops += passes * layer.cost.flops;
  }
  return flops;
}

std::string to_string(const LeftOver& left_over) {
  std::vector<std::string> parts;
  if (const std::string lines = lines_text(left_over.rows, left_over.columns); !lines.empty())
    parts.push_back(lines + " dropped");
  if (const std::string lines = lines_text(left_over.padding_rows, left_over.padding_columns); !lines.empty())
    parts.push_back(lines + " of padding unused");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string to_table(const NetworkSummary& summary, const std::string& title) {
  const bool with_inputs = is_graph(summary);
  std::vector<Row> rows{{"Layer (type)", "Output shape", "Parameters", "Connections", "FLOPs", "Bytes"}};
  if (with_inputs) rows.front().push_back("Inputs");
  for (const LayerSummary& layer : summary.layers) rows.push_back(row_of(layer, with_inputs));
  const Cost& total = summary.total;
  return fmt::format(
      "Network {}, {}\n{}Total parameters: {} ({})\nTrainable parameters: {}\n{}Moving averages: {}\n"
      "Connections: {}\nForward FLOPs per sample: {}\nActivations per sample: {} bytes ({})\n{}",
      title, inputs_text(summary), layout(rows), grouped(total.parameters),
      mebibytes(total.parameters * static_cast<std::int64_t>(sizeof(float))), grouped(total.trainable),
      total.fixed > 0 ? fmt::format("Fixed weights: {}\n", grouped(total.fixed)) : "",
      grouped(total.parameters - total.trainable - total.fixed), grouped(total.connections),
      grouped(total.flops), grouped(total.activation_bytes), mebibytes(total.activation_bytes),
      left_over_lines(summary));
}

std::string to_json(const NetworkSummary& summary, const std::string& title) {
  nlohmann::ordered_json root;
  root["name"] = title;
  root["input"] = shape_json(summary.inputs.front().shape);
  for (const InputSummary& input : summary.inputs) root["inputs"][input.name] = shape_json(input.shape);
  root["layers"] = nlohmann::ordered_json::array();
  for (const LayerSummary& layer : summary.layers) {
    nlohmann::ordered_json entry;
    entry["name"] = layer.name;
    entry["type"] = layer.type;
    entry["activation"] = layer.activation;
    entry["inputs"] = layer.inputs;
    entry["output"] = shape_json(layer.output);
    add_cost(entry, layer.cost);
    const LeftOver& left = layer.left_over;
    entry["dropped"] = lines_json(left.rows, left.columns);
    entry["unused_padding"] = lines_json(left.padding_rows, left.padding_columns);
    root["layers"].push_back(std::move(entry));
  }
  add_cost(root["total"], summary.total);
  return root.dump(2);
}

}  // namespace annulus::trainer
