// A graph of ONNX under construction. Internal to trainer/export.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/export/onnx.pb.h"

namespace annulus::trainer {

/// A whole number, a list of them or a real number under a name.
struct OnnxAttribute {
  std::string name;
  std::vector<std::int64_t> integers = {};
  bool list = true;
  float real = 0;
  bool is_real = false;
};
inline OnnxAttribute ints(std::string name, std::vector<std::int64_t> values) {
  return {std::move(name), std::move(values)};
}
inline OnnxAttribute integer(std::string name, std::int64_t value) {
  return {std::move(name), {value}, false};
}
inline OnnxAttribute real(std::string name, float value) { return {std::move(name), {}, false, value, true}; }

class OnnxGraph {
 public:
  explicit OnnxGraph(onnx::GraphProto& graph) : graph_(graph) {}

  /// A node with one output, which has its name. @return the name
  std::string node(const std::string& type, const std::string& name, const std::vector<std::string>& inputs,
                   const std::vector<OnnxAttribute>& attributes = {});
  /// Constants. @return the name
  std::string constant(const std::string& name, const std::vector<std::int64_t>& extents,
                       std::span<const float> values);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& integers);

  /// An input of the model. @param batch  0: any number
  void input(const std::string& name, onnx::TensorProto::DataType type, std::int64_t batch,
             const std::vector<std::int64_t>& extents);
  void output(const std::string& name, std::int64_t batch, const std::vector<std::int64_t>& extents);

 private:
  onnx::GraphProto& graph_;
};

/// Name of the model's output.
constexpr const char* kOnnxOutput = "probabilities";

/// Adds the nodes of all layers. @param image  (N, C, H, W), normalised; flat (N, values)
/// @return the name of the probabilities
struct TrainedNetwork;
std::string add_layers(OnnxGraph& graph, const TrainedNetwork& model, const std::string& image);

}  // namespace annulus::trainer
