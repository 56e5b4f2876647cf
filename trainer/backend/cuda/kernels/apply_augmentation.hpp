// Augmentation of one shard as a sequence of bodies, for any executor: the GPU's, or loops on the host.
#pragma once

#include <cstdint>

#include "trainer/backend/cuda/kernels/augmentation_body.hpp"

namespace annulus::trainer::cuda {

/// One shard from stored pixels to network input. All pointers are to memory of the device.
struct AugmentationCall {
  AugmentationConstants constants;
  io::PixelType pixel_type = io::PixelType::uint8;
  const void* pixels = nullptr;
  const std::uint64_t* samples = nullptr;  ///< (n)
  bool by_number = false;                  ///< image i lies at its sample number, else at i
  const StepScalars* scalars = nullptr;    ///< whose epoch
  io::AugmentationPlan* plans = nullptr;   ///< (n), scratch; null when nothing is augmented
  const float* scale = nullptr;            ///< (C); null: each image is normalised by itself
  const float* offset = nullptr;           ///< (C)
  double* sums = nullptr;                  ///< (2, n, kImageLanes), scratch of normalisation by image
  float* maps = nullptr;                   ///< (n, 2), scratch of normalisation by image
  float* output = nullptr;                 ///< (n, H, W, C)
  std::int64_t n = 0;
};

template <class Pixel, class Executor>
void write_images(const AugmentationCall& call, const Executor& executor) {
  const std::int64_t area = call.constants.shape.height * call.constants.shape.width;
  const ShardPixels<Pixel> shard{static_cast<const Pixel*>(call.pixels), call.samples, call.by_number};
  executor.for_each(call.n * area, AugmentBody<Pixel>{call.constants, shard, call.plans, call.scale,
                                                      call.offset, call.output});
}

template <class Executor>
void normalise_each(const AugmentationCall& call, const Executor& executor) {
  const SampleShape& shape = call.constants.shape;
  const std::int64_t area = shape.height * shape.width;
  const std::int64_t values = area * shape.channels;
  double* const sums = call.sums;
  double* const squares = call.sums + call.n * kImageLanes;
  const auto count = static_cast<double>(values);
  executor.for_each(call.n * kImageLanes, LaneSumBody{call.output, values, nullptr, sums});
  executor.for_each(call.n * kImageLanes, LaneSumBody{call.output, values, sums, squares});
  executor.for_each(call.n,
                    SampleMapBody{{sums, count}, {squares, count}, call.constants.rescale, call.maps});
  executor.for_each(call.n * area, ApplyMapBody{call.constants, call.plans, call.maps, call.output});
}

/// An executor has for_each(count, body), which calls body(i) for i in [0, count) in no order.
template <class Executor>
void apply(const AugmentationCall& call, const Executor& executor) {
  if (call.n == 0) return;
  if (call.plans != nullptr)
    executor.for_each(call.n, DrawPlanBody{call.constants, call.scalars, call.samples, call.plans});
  if (call.pixel_type == io::PixelType::uint8)
    write_images<std::uint8_t>(call, executor);
  else
    write_images<float>(call, executor);
  if (call.scale == nullptr) normalise_each(call, executor);
}

/// labels[i] = all[samples[i]].
struct GatherLabelsBody {
  const std::int32_t* all;
  const std::uint64_t* samples;
  std::int32_t* labels;
  ANNULUS_DEVICE void operator()(std::int64_t i) const { labels[i] = all[samples[i]]; }
};

struct GatherLabelsCall {
  GatherLabelsBody body;
  std::int64_t n = 0;
};

template <class Executor>
void apply(const GatherLabelsCall& call, const Executor& executor) {
  executor.for_each(call.n, call.body);
}

}  // namespace annulus::trainer::cuda
