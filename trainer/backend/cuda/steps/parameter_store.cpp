// Layout, gaps and order.
#include "trainer/backend/cuda/steps/parameter_store.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/kernel_order.hpp"
#include "trainer/backend/planning/arena_layout.hpp"

namespace annulus::trainer::cuda {
namespace {

const Segment& find(const std::vector<Segment>& segments, int layer, int parameter) {
  const auto found = std::find_if(segments.begin(), segments.end(), [&](const Segment& segment) {
    return segment.layer == layer && segment.parameter == parameter;
  });
  expect_contract(found != segments.end(), "a parameter of the network lies in an arena");
  return *found;
}

comm::DeviceBuffer<float> zeros(std::size_t count, const char* purpose) {
  comm::DeviceBuffer<float> buffer(std::max<std::size_t>(count, 1), purpose);
  ANNULUS_CHECK_CUDA(cudaMemset(buffer.get(), 0, buffer.bytes()));
  return buffer;
}

}  // namespace

ParameterStore::ParameterStore(const Network& network, Element element)
    : network_(network),
      layout_(make_layout(network)),
      element_(element),
      parameters_(zeros(layout_.trainable_count, "the parameters")),
      statistics_(zeros(layout_.statistics_count, "the moving averages")) {
  if (element != Element::float32) {
    copy_ = comm::DeviceBuffer<BFloat16>(std::max<std::size_t>(layout_.trainable_count, 1),
                                         "bfloat16 copies of the parameters");
    ANNULUS_CHECK_CUDA(cudaMemset(copy_.get(), 0, copy_.bytes()));
  }
  find_gaps();
  // Zeros and copies above went to the default stream, for which other streams do not wait.
  ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());
}

void ParameterStore::find_gaps() {
  std::vector<bool> covered(gradient_elements(layout_), false);
  const auto cover = [&](std::size_t begin, std::size_t count) {
    std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(begin), count, true);
  };
  expect_contract(covered.size() < std::numeric_limits<std::uint32_t>::max(),
                  "a gradient buffer has fewer than 2^32 elements");
  cover(0, kGradientHead);
  for (const Segment& segment : layout_.statistics) cover(kGradientHead + segment.offset, segment.count);
  for (const Segment& segment : layout_.trainable)
    cover(gradient_offset(layout_) + segment.offset, segment.count);
  std::vector<std::uint32_t> gaps;
  for (std::size_t i = 0; i < covered.size(); ++i)
    if (!covered[i]) gaps.push_back(static_cast<std::uint32_t>(i));
  if (gaps.empty()) return;
  gaps_ = comm::DeviceBuffer<std::uint32_t>(gaps.size(), "places of padding");
  ANNULUS_CHECK_CUDA(cudaMemcpy(gaps_.get(), gaps.data(), gaps_.bytes(), cudaMemcpyHostToDevice));
}

const Segment& ParameterStore::trainable(int layer, int parameter) const {
  return find(layout_.trainable, layer, parameter);
}

const Segment& ParameterStore::average(int layer, int parameter) const {
  return find(layout_.statistics, layer, parameter);
}

const float* ParameterStore::master(int layer, int parameter) const {
  return parameters_.get() + trainable(layer, parameter).offset;
}

const void* ParameterStore::weights(int layer, int parameter) const {
  if (element_ == Element::float32) return master(layer, parameter);
  return copy_.get() + trainable(layer, parameter).offset;
}

const float* ParameterStore::moving(int layer, int parameter) const {
  return statistics_.get() + average(layer, parameter).offset;
}

std::size_t ParameterStore::gradient(int layer, int parameter) const {
  const Layer& described = network_.layers[static_cast<std::size_t>(layer)];
  if (!described.parameters[static_cast<std::size_t>(parameter)].trainable)
    return kGradientHead + average(layer, parameter).offset;
  return gradient_offset(layout_) + trainable(layer, parameter).offset;
}

void ParameterStore::refresh(cudaStream_t stream) const {
  if (element_ == Element::float32) return;
  enqueue(stream,
          ConvertBody<float, BFloat16>{.from = parameters_.get(),
                                       .to = copy_.get(),
                                       .elements = static_cast<std::int64_t>(layout_.trainable_count)});
}

void ParameterStore::enqueue_leftovers(float* gradients, const StepScalars* scalars,
                                       cudaStream_t stream) const {
  const bool parameters = layout_.trainable_count > 0;
  enqueue(stream, LeftoverBody{.gradients = gradients,
                               .padding = gaps_.get(),
                               .count = static_cast<std::int64_t>(gaps_.size()),
                               .first = parameters ? gradients + gradient_offset(layout_) : nullptr,
                               .scalars = scalars});
}

namespace {

/// Extents of a convolution's kernel, or null for a tensor that lies in Keras' order.
const Extents* permuted(const Network& network, const Segment& segment) {
  const Layer& layer = network.layers[static_cast<std::size_t>(segment.layer)];
  const Parameter& parameter = layer.parameters[static_cast<std::size_t>(segment.parameter)];
  const bool kernel = std::holds_alternative<Conv2d>(layer.operation) && parameter.extents.size() == 4;
  return kernel ? &parameter.extents : nullptr;
}

}  // namespace

std::vector<float> ParameterStore::read(const Segment& segment, std::span<const float> arena) const {
  const std::span<const float> stored = arena.subspan(segment.offset, segment.count);
  std::vector<float> values(stored.begin(), stored.end());
  if (const Extents* extents = permuted(network_, segment))
    for_each_weight(*extents, [&](std::size_t keras, std::size_t device) { values[keras] = stored[device]; });
  return values;
}

void ParameterStore::write(const Segment& segment, std::span<const float> values,
                           std::span<float> arena) const {
  const Layer& layer = network_.layers[static_cast<std::size_t>(segment.layer)];
  if (values.size() != segment.count)
    throw RuntimeError("{} values given for {}/{}, which has {}. They belong to another network.",
                       values.size(), layer.name,
                       layer.parameters[static_cast<std::size_t>(segment.parameter)].name, segment.count);
  const std::span<float> stored = arena.subspan(segment.offset, segment.count);
  if (const Extents* extents = permuted(network_, segment))
    for_each_weight(*extents, [&](std::size_t keras, std::size_t device) { stored[device] = values[keras]; });
  else
    std::copy(values.begin(), values.end(), stored.begin());
}

}  // namespace annulus::trainer::cuda
