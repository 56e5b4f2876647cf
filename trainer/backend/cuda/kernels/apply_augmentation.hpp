// Augmentation of one shard as a sequence of bodies, for whatever runs them: the GPU, or loops on the host.
#pragma once

#include <cstdint>

#include "trainer/backend/cuda/kernels/augmentation_body.hpp"

namespace annulus::trainer::cuda {

/// One shard from stored pixels to network input. All pointers are to memory of the device.
struct AugmentationCall {
  AugmentationConstants constants;
  io::PixelType pixel_type = io::PixelType::uint8;
  const void* pixels = nullptr;
  const std::uint64_t* samples = nullptr;  ///< (n); null, as scalars, where nothing is random
  bool by_number = false;                  ///< image i lies at its sample number, else at i
  const StepScalars* scalars = nullptr;    ///< whose epoch
  io::AugmentationPlan* plans = nullptr;   ///< (n), scratch; null when nothing is augmented
  const float* scale = nullptr;            ///< (C); null: each image is normalised by itself
  const float* offset = nullptr;           ///< (C)
  double* sums = nullptr;                  ///< (2, n, kImageLanes), scratch of normalisation by image
  float* ranges = nullptr;                 ///< (n, kRangeLanes, 2), scratch of ShiftClip::image
  float* maps = nullptr;                   ///< (n, 2), scratch of normalisation by image
  float* output = nullptr;                 ///< (n, H, W, C) of constants.output
  const float* shares = nullptr;           ///< (n) of the mixtures; null: images are not mixed
  float* mixed = nullptr;                  ///< (n, H, W, C): mixtures of `output`
  std::int64_t n = 0;
};

template <class Pixel, class Run>
void find_ranges(const AugmentationCall& call, const Run& run) {
  const io::AugmentationOptions& options = call.constants.options;
  if (call.plans == nullptr || options.channel_shift_range == 0 ||
      options.channel_shift_clip != io::ShiftClip::image)
    return;
  run(LaneRangeBody<Pixel>{.constants = call.constants,
                           .shard = {static_cast<const Pixel*>(call.pixels), call.samples, call.by_number},
                           .plans = call.plans,
                           .lanes = call.ranges,
                           .n = call.n});
  run(PlanRangeBody{.lanes = call.ranges, .plans = call.plans, .n = call.n});
}

template <class Pixel, class Run>
void write_images(const AugmentationCall& call, const Run& run) {
  find_ranges<Pixel>(call, run);
  run(AugmentBody<Pixel>{.constants = call.constants,
                         .shard = {static_cast<const Pixel*>(call.pixels), call.samples, call.by_number},
                         .plans = call.plans,
                         .scale = call.scale,
                         .offset = call.offset,
                         .output = call.output,
                         .n = call.n});
}

template <class Run>
void normalise_each(const AugmentationCall& call, const Run& run) {
  const SampleShape& shape = call.constants.output;
  const std::int64_t values = shape.height * shape.width * shape.channels;
  double* const sums = call.sums;
  double* const squares = call.sums + call.n * kImageLanes;
  const auto count = static_cast<double>(values);
  run(LaneSumBody{.images = call.output, .values = values, .sums = nullptr, .lanes = sums, .n = call.n});
  run(LaneSumBody{.images = call.output, .values = values, .sums = sums, .lanes = squares, .n = call.n});
  run(SampleMapBody{.sums = {sums, count},
                    .squares = {squares, count},
                    .rescale = call.constants.rescale,
                    .maps = call.maps,
                    .n = call.n});
  run(ApplyMapBody{.constants = call.constants,
                   .plans = call.plans,
                   .maps = call.maps,
                   .images = call.output,
                   .n = call.n});
}

/// @param run  runs a body, after those before
template <class Run>
void apply(const AugmentationCall& call, const Run& run) {
  if (call.n == 0) return;
  if (call.plans != nullptr)
    run(DrawPlanBody{.constants = call.constants,
                     .scalars = call.scalars,
                     .samples = call.samples,
                     .plans = call.plans,
                     .n = call.n});
  if (call.pixel_type == io::PixelType::uint8)
    write_images<std::uint8_t>(call, run);
  else
    write_images<float>(call, run);
  if (call.scale == nullptr) normalise_each(call, run);
  if (call.shares != nullptr)
    run(MixRowsBody{.from = call.output,
                    .shares = call.shares,
                    .to = call.mixed,
                    .length = call.constants.output.size(),
                    .n = call.n});
}

}  // namespace annulus::trainer::cuda
