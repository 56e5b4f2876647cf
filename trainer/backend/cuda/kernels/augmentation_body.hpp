// Augmentation on the GPU, from stored pixels to network input: what io::Generator does image by image, said
// for one pixel at a time. The same numbers from the same rules in the same order, so the results are equal
// bit for bit; a test compares every pixel.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "base/draw_key.hpp"
#include "base/host_device.hpp"
#include "io/augmentation/mixup_rules.hpp"
#include "io/augmentation/rules.hpp"
#include "trainer/backend/cuda/kernels/step_scalars.hpp"

namespace annulus::trainer::cuda {

/// What all images of a run have in common; passed to kernels by value.
struct AugmentationConstants {
  io::AugmentationOptions options;
  SampleShape shape;                   ///< of the stored images
  SampleShape output;                  ///< of the images that are made of them
  std::array<std::uint32_t, 2> key{};  ///< stream_key(seed, Purpose::augment)
  float low = 0;                       ///< range of pixel values
  float high = 0;
  float rescale = 1;  ///< used by per_sample only; else it is part of scale
};

/// The images of one shard.
template <class Pixel>
struct ShardPixels {
  const Pixel* pixels;           ///< (N, H, W, C)
  const std::uint64_t* samples;  ///< (n) Shard::samples: keys of the plans
  bool by_number;                ///< image i lies at its sample number, else at i

  ANNULUS_DEVICE const Pixel* image(std::int64_t number, const SampleShape& shape) const {
    const std::int64_t place = by_number ? static_cast<std::int64_t>(sample_of(samples[number])) : number;
    return pixels + place * shape.height * shape.width * shape.channels;
  }
};

/// Draws the plan of image i. Drawn on the GPU because that costs the host nothing, whatever the batch size,
/// and all that travels is a sample number; Philox and the few lines of arithmetic behind it are the host's
/// own.
struct DrawPlanBody {
  AugmentationConstants constants;
  const StepScalars* scalars;  ///< null, as samples: nothing is random, and every image has the same plan
  const std::uint64_t* samples;
  io::AugmentationPlan* plans;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const io::SampleKey sample{scalars == nullptr ? 0 : scalars->epoch, samples == nullptr ? 0 : samples[i]};
    plans[i] = io::rules::plan_of(constants.options, constants.shape, constants.key, sample);
  }
};

/// std::min and std::max as the host's generator uses them.
ANNULUS_DEVICE inline float clipped(float value, float low, float high) {
  const float raised = value < low ? low : value;
  return high < raised ? high : raised;
}

/// One image as the stages before normalisation leave it: any value of it, computed when asked for.
template <class Pixel>
struct AugmentedImage {
  const AugmentationConstants& constants;
  const io::AugmentationPlan& plan;
  const Pixel* image;  ///< (H, W, C)

  ANNULUS_DEVICE float stored(std::int64_t row, std::int64_t column, std::int64_t channel) const {
    const SampleShape& shape = constants.shape;
    return static_cast<float>(image[(row * shape.width + column) * shape.channels + channel]);
  }

  /// Linear interpolation at a position in 1/256 pixels.
  ANNULUS_DEVICE float blended(std::int32_t y, std::int32_t x, std::int64_t channel) const {
    const SampleShape& shape = constants.shape;
    io::FillMode mode = io::rules::affine_fill(constants.options);
    if (mode == io::FillMode::constant) {
      if (y < 0 || x < 0 || y > (shape.height - 1) * 256 || x > (shape.width - 1) * 256)
        return constants.options.constant_value;
      mode = io::FillMode::nearest;  // a neighbour outside has the weight 0; it only has to be readable
    }
    const std::int64_t row = y >> 8, column = x >> 8;
    const std::int64_t top = io::rules::extended(row, shape.height, mode);
    const std::int64_t bottom = io::rules::extended(row + 1, shape.height, mode);
    const std::int64_t left = io::rules::extended(column, shape.width, mode);
    const std::int64_t right = io::rules::extended(column + 1, shape.width, mode);
    const float row_weight = static_cast<float>(y & 255) * (1.0f / 256);
    const float column_weight = static_cast<float>(x & 255) * (1.0f / 256);
    const float upper_left = stored(top, left, channel);
    const float upper = upper_left + column_weight * (stored(top, right, channel) - upper_left);
    const float lower_left = stored(bottom, left, channel);
    const float lower = lower_left + column_weight * (stored(bottom, right, channel) - lower_left);
    return upper + row_weight * (lower - upper);
  }

  /// After rotation, shift, shear and zoom.
  ANNULUS_DEVICE float placed(std::int32_t row, std::int32_t column, std::int64_t channel) const {
    if (plan.is_untransformed()) return stored(row, column, channel);
    const auto& m = plan.matrix;
    if (plan.is_whole_shift()) {
      const io::FillMode mode = io::rules::affine_fill(constants.options);
      const std::int64_t from_row = io::rules::extended(row + (m[2] >> 16), constants.shape.height, mode);
      const std::int64_t from_column =
          io::rules::extended(column + (m[5] >> 16), constants.shape.width, mode);
      if (from_row < 0 || from_column < 0) return constants.options.constant_value;
      return stored(from_row, from_column, channel);
    }
    constexpr std::int32_t kHalf = 1 << 7;  // positions are rounded to 1/256 pixel
    return blended((m[0] * row + m[1] * column + m[2] + kHalf) >> 8,
                   (m[3] * row + m[4] * column + m[5] + kHalf) >> 8, channel);
  }

  /// After channel shift, flips, brightness and crop: what is normalised.
  ANNULUS_DEVICE float value(std::int32_t row, std::int32_t column, std::int64_t channel) const {
    const SampleShape& shape = constants.output;
    const io::FillMode mode = constants.options.crop_fill_mode;
    std::int64_t from_row = io::rules::extended(row + plan.crop_row, shape.height, mode);
    std::int64_t from_column = io::rules::extended(column + plan.crop_column, shape.width, mode);
    if (from_row < 0 || from_column < 0) return constants.options.constant_value;
    if (plan.flip_vertical) from_row = shape.height - 1 - from_row;
    if (plan.flip_horizontal) from_column = shape.width - 1 - from_column;
    float result =
        placed(static_cast<std::int32_t>(from_row), static_cast<std::int32_t>(from_column), channel);
    if (plan.channel_shift != 0) {
      const bool own = constants.options.channel_shift_clip == io::ShiftClip::image;
      result = clipped(result + plan.channel_shift, own ? plan.image_low : constants.low,
                       own ? plan.image_high : constants.high);
    }
    if (plan.brightness != 1) result = clipped(result * plan.brightness, constants.low, constants.high);
    return result;
  }

  /// Whether the cutout covers this pixel.
  ANNULUS_DEVICE bool is_cut_out(std::int32_t row, std::int32_t column) const {
    const std::int32_t size = constants.options.cutout_size;
    return size > 0 && row >= plan.cutout_row && row < plan.cutout_row + size &&
           column >= plan.cutout_column && column < plan.cutout_column + size;
  }
};

/// Smallest and largest value of each image before its channel shift, into its plan. First in lanes: lane
/// i % kRangeLanes of image i / kRangeLanes takes every kRangeLanes-th pixel. No order matters here.
constexpr std::int64_t kRangeLanes = 32;

template <class Pixel>
struct LaneRangeBody {
  AugmentationConstants constants;
  ShardPixels<Pixel> shard;
  const io::AugmentationPlan* plans;
  float* lanes;  ///< (n, kRangeLanes, 2): low, high
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n * kRangeLanes; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const SampleShape& shape = constants.output;
    const std::int64_t area = shape.height * shape.width;
    const std::int64_t number = i / kRangeLanes;
    const AugmentedImage<Pixel> image{constants, plans[number], shard.image(number, constants.shape)};
    float low = INFINITY, high = -INFINITY;
    for (std::int64_t pixel = i % kRangeLanes; pixel < area; pixel += kRangeLanes)
      for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        const float value = image.placed(static_cast<std::int32_t>(pixel / shape.width),
                                         static_cast<std::int32_t>(pixel % shape.width), channel);
        low = value < low ? value : low;
        high = value > high ? value : high;
      }
    lanes[2 * i] = low;
    lanes[2 * i + 1] = high;
  }
};

struct PlanRangeBody {
  const float* lanes;
  io::AugmentationPlan* plans;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    float low = INFINITY, high = -INFINITY;
    for (std::int64_t lane = i * kRangeLanes; lane < (i + 1) * kRangeLanes; ++lane) {
      low = lanes[2 * lane] < low ? lanes[2 * lane] : low;
      high = lanes[2 * lane + 1] > high ? lanes[2 * lane + 1] : high;
    }
    plans[i].image_low = low;
    plans[i].image_high = high;
  }
};

/// Writes pixel i of the shard, all channels: x -> x * scale[c] + offset[c], and 0 where it is cut out.
template <class Pixel>
struct AugmentBody {
  AugmentationConstants constants;
  ShardPixels<Pixel> shard;
  const io::AugmentationPlan* plans;  ///< null: nothing is augmented
  const float* scale;                 ///< (C); null: pixel units are written, for what looks at them first
  const float* offset;                ///< (C)
  float* output;                      ///< (n, H, W, C)
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n * constants.output.height * constants.output.width; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const SampleShape& shape = constants.output;
    const std::int64_t area = shape.height * shape.width;
    const std::int64_t number = i / area;
    const auto row = static_cast<std::int32_t>(i % area / shape.width);
    const auto column = static_cast<std::int32_t>(i % shape.width);
    const io::AugmentationPlan untouched;
    const AugmentedImage<Pixel> image{constants, plans != nullptr ? plans[number] : untouched,
                                      shard.image(number, constants.shape)};
    const bool cut_out = scale != nullptr && image.is_cut_out(row, column) && plans != nullptr;
    float* const pixel = output + i * shape.channels;
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
      const float value = cut_out ? 0.0f : image.value(row, column, channel);
      pixel[channel] = scale == nullptr || cut_out ? value : value * scale[channel] + offset[channel];
    }
  }
};

/// Normalisation of each image by itself sums in eight lanes, as io::make_sample_map does: lane l takes
/// values l, l + 8, ..., then the lanes are added in order.
constexpr std::int64_t kImageLanes = 8;

struct ImageSums {
  const double* lanes;  ///< (n, kImageLanes)
  double count;         ///< values of an image
  ANNULUS_DEVICE double mean_of(std::int64_t n) const {
    double total = 0;
    for (std::int64_t lane = 0; lane < kImageLanes; ++lane) total += lanes[n * kImageLanes + lane];
    return total / count;
  }
};

/// Lane i % 8 of image i / 8: sums of the values, or of their squared distances from the mean.
struct LaneSumBody {
  const float* images;  ///< (n, values), in pixel units
  std::int64_t values;
  const double* sums;  ///< of the first pass; null in the first pass
  double* lanes;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n * kImageLanes; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t number = i / kImageLanes;
    const double mean = sums == nullptr ? 0.0 : ImageSums{sums, static_cast<double>(values)}.mean_of(number);
    const float* const image = images + number * values;
    double total = 0;
    for (std::int64_t k = i % kImageLanes; k < values; k += kImageLanes) {
      const double value = static_cast<double>(image[k]);
      total += sums == nullptr ? value : (value - mean) * (value - mean);
    }
    lanes[i] = total;
  }
};

/// Scale and offset of image i.
struct SampleMapBody {
  ImageSums sums;
  ImageSums squares;
  float rescale;
  float* maps;  ///< (n, 2)
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const double mean = sums.mean_of(i);
    const double square = squares.mean_of(i);
    const double factor = static_cast<double>(rescale);
    const double deviation = std::fabs(factor) * std::sqrt(square) + 1e-6;
    const bool constant = square == 0;  // a constant image is all mean; dividing by 1e-6 is noise
    maps[2 * i] = constant ? 0.0f : static_cast<float>(factor / deviation);
    maps[2 * i + 1] = constant ? 0.0f : static_cast<float>(-mean * factor / deviation);
  }
};

/// Applies the map of its image to pixel i, and cuts out.
struct ApplyMapBody {
  AugmentationConstants constants;
  const io::AugmentationPlan* plans;  ///< null: nothing is augmented
  const float* maps;
  float* images;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n * constants.output.height * constants.output.width; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const SampleShape& shape = constants.output;
    const std::int64_t area = shape.height * shape.width;
    const std::int64_t number = i / area;
    const io::AugmentationPlan untouched;
    const AugmentedImage<float> image{constants, plans != nullptr ? plans[number] : untouched, nullptr};
    const bool cut_out =
        plans != nullptr && image.is_cut_out(static_cast<std::int32_t>(i % area / shape.width),
                                             static_cast<std::int32_t>(i % shape.width));
    for (std::int64_t k = i * shape.channels; k < (i + 1) * shape.channels; ++k)
      images[k] = cut_out ? 0.0f : images[k] * maps[2 * number] + maps[2 * number + 1];
  }
};

/// Mixes rows of `length` values (images, vectors) of a shard as io::mix_rows does, into other memory. Index:
/// value of `to`.
struct MixRowsBody {
  const float* from;    ///< (n, length)
  const float* shares;  ///< (n)
  float* to;            ///< (n, length)
  std::int64_t length;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n * length; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t row = i / length, column = i % length;
    const float other = from[io::rules::partner_of(row, n) * length + column];
    to[i] = n == 1 ? from[i] : io::rules::mixed(from[i], other, shares[row]);
  }
};

/// labels[i] = all[sample_of(samples[i])].
struct GatherLabelsBody {
  const std::int32_t* all;
  const std::uint64_t* samples;
  std::int32_t* labels;
  std::int64_t n;

  ANNULUS_DEVICE std::int64_t indices() const { return n; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const { labels[i] = all[sample_of(samples[i])]; }
};

}  // namespace annulus::trainer::cuda
