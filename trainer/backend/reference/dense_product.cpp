// Loops run over units innermost, where kernel and output are contiguous.
#include "trainer/backend/reference/dense_product.hpp"

namespace annulus::trainer::reference {

void DenseProduct::forward(const PassContext& pass, Node& node) const {
  const Tensor& kernel = (*node.parameters)[0];
  for (std::int64_t row = 0; row < pass.samples * inputs_; ++row) {
    const double x = (*node.inputs[0])[row];
    double* y = node.output.data() + row / inputs_ * units_;
    const double* weights = kernel.data() + row % inputs_ * units_;
    for (std::int64_t u = 0; u < units_; ++u) y[u] += x * weights[u];
  }
  if (!bias_) return;
  const Tensor& bias = (*node.parameters)[1];
  for (std::size_t i = 0; i < node.output.size(); ++i) node.output[i] += bias[i % bias.size()];
}

void DenseProduct::backward(const PassContext& pass, Node& node) const {
  const Tensor& kernel = (*node.parameters)[0];
  for (std::int64_t row = 0; row < pass.samples * inputs_; ++row) {
    const double x = (*node.inputs[0])[row];
    const double* dy = node.output_gradient.data() + row / inputs_ * units_;
    const std::int64_t weights = row % inputs_ * units_;
    double dx = 0;
    for (std::int64_t u = 0; u < units_; ++u) {
      node.parameter_gradients[0][weights + u] += x * dy[u];
      dx += kernel[weights + u] * dy[u];
    }
    if (node.input_gradients[0]) (*node.input_gradients[0])[row] += dx;
  }
  if (!bias_) return;
  Tensor& dbias = node.parameter_gradients[1];
  for (std::size_t i = 0; i < node.output_gradient.size(); ++i)
    dbias[i % dbias.size()] += node.output_gradient[i];
}

}  // namespace annulus::trainer::reference
