// Messages are filled in as they come; names are unique because those of layers are.
#include "trainer/export/onnx_graph.hpp"

namespace annulus::trainer {
namespace {

void set_type(onnx::ValueInfoProto& value, const std::string& name, onnx::TensorProto::DataType type,
              std::int64_t batch, const std::vector<std::int64_t>& extents) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  auto& first = *tensor.mutable_shape()->add_dim();
  if (batch > 0)
    first.set_dim_value(batch);
  else
    first.set_dim_param("N");
  for (const std::int64_t extent : extents) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

onnx::TensorProto& set_tensor(onnx::TensorProto& tensor, const std::string& name,
                              onnx::TensorProto::DataType type, const std::vector<std::int64_t>& extents) {
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const std::int64_t extent : extents) tensor.add_dims(extent);
  return tensor;
}

}  // namespace

std::string OnnxGraph::node(const std::string& type, const std::string& name,
                            const std::vector<std::string>& inputs,
                            const std::vector<OnnxAttribute>& attributes) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_name(name);
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(name);
  for (const OnnxAttribute& given : attributes) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(given.name);
    if (given.is_real) {
      attribute.set_type(onnx::AttributeProto::FLOAT);
      attribute.set_f(given.real);
    } else if (given.list) {
      attribute.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t value : given.integers) attribute.add_ints(value);
    } else {
      attribute.set_type(onnx::AttributeProto::INT);
      attribute.set_i(given.integers.front());
    }
  }
  return name;
}

std::string OnnxGraph::constant(const std::string& name, const std::vector<std::int64_t>& extents,
                                std::span<const float> values) {
  set_tensor(*graph_.add_initializer(), name, onnx::TensorProto::FLOAT, extents)
      .set_raw_data(values.data(), values.size_bytes());
  return name;
}

std::string OnnxGraph::constant(const std::string& name, const std::vector<std::int64_t>& integers) {
  set_tensor(*graph_.add_initializer(), name, onnx::TensorProto::INT64,
             {static_cast<std::int64_t>(integers.size())})
      .set_raw_data(integers.data(), integers.size() * sizeof integers[0]);
  return name;
}

void OnnxGraph::input(const std::string& name, onnx::TensorProto::DataType type, std::int64_t batch,
                      const std::vector<std::int64_t>& extents) {
  set_type(*graph_.add_input(), name, type, batch, extents);
}

void OnnxGraph::output(const std::string& name, std::int64_t batch,
                       const std::vector<std::int64_t>& extents) {
  set_type(*graph_.add_output(), name, onnx::TensorProto::FLOAT, batch, extents);
}

}  // namespace annulus::trainer
