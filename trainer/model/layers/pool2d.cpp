// Keys, shapes and cost of pooling over windows.
#include "trainer/model/layers/pool2d.hpp"

#include <algorithm>

#include "trainer/model/layers/layer_rules.hpp"

namespace annulus::trainer {

void LayerTraits<Pool2d>::describe(Fields& fields, Pool2d& pool) {
  fields.size("size", pool.size, kKernelSides);
  if (fields.reading()) pool.stride = pool.size;  // windows side by side, as Keras' default
  fields.size("stride", pool.stride, kKernelSides);
  fields.padding("padding", pool.padding, pool.padding_mode);
}

void LayerTraits<Pool2d>::infer(const LayerContext& context, Pool2d& pool) {
  require_window(context, pool.size, pool.stride);
  const Size2 output = slide(context, {pool.size, pool.stride}, pool.padding_mode, pool.padding);
  const Padding& padding = pool.padding;
  if (std::max(padding.top, padding.bottom) >= pool.size.height ||
      std::max(padding.left, padding.right) >= pool.size.width) {
    throw UsageError(
        "{}: the padding ({}, {}, {}, {}) reaches the window size {} x {}, so some windows would see no pixel at all. Use less padding than the window is wide.",
        context.place, padding.top, padding.bottom, padding.left, padding.right, pool.size.height,
        pool.size.width);
  }
  context.layer.output = {
      .height = output.height, .width = output.width, .channels = context.layer.input.channels};
}

Cost LayerTraits<Pool2d>::cost(const LayerNode& layer, const Pool2d& pool) {
  return {.flops = layer.output.size() * pool.size.height * pool.size.width};
}

}  // namespace annulus::trainer
