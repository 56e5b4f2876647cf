// What a user may ask of the generator: every refusal names key, value, reason and what to try.
#include <cmath>

#include "base/error.hpp"
#include "io/augmentation/augmentation.hpp"

namespace annulus::io {
namespace {

void check_range(const char* key, double value, double highest, const char* unit) {
  if (std::isfinite(value) && value >= 0 && value <= highest) return;
  throw UsageError(
      "augmentation.{} is {}: the amount is drawn from [-r, r], so r lies between 0 (off) and {} {}. Try a small one first and look at `annulus data show FILE --augment CONFIG`.",
      key, value, highest, unit);
}

void check_shift(const char* key, const ShiftRange& range, std::int64_t extent) {
  const auto most = static_cast<double>(extent);
  for (const float choice : range.given()) {
    if (std::abs(choice) <= most) continue;
    throw UsageError(
        "augmentation.{} may choose {}: that is further than the extent of the image ({} pixels). Choose from shifts between -{} and {}.",
        key, choice, extent, extent, extent);
  }
  const float amount = range.amount;
  check_range(key, amount, most, "pixels (the extent of the image)");
  if (range.is_fraction() || range.continuous || amount == std::floor(amount)) return;
  throw UsageError(
      "augmentation.{} is {}: from 1 on it counts whole pixels, unless it is continuous; below 1 it is a fraction of the extent ({} pixels). Try {} or {}.",
      key, amount, extent, std::floor(amount), amount / static_cast<float>(extent));
}

void check_factors(const char* key, float low, float high, float smallest, float largest) {
  if (low >= smallest && high >= low && high <= largest) return;
  throw UsageError(
      "augmentation.{} is [{}, {}]: a factor is drawn uniformly between the two, so they must be in ascending order and between {} and {}; [1, 1] switches it off. Try [0.9, 1.1].",
      key, low, high, smallest, largest);
}

void check_pixels(const char* key, int value, std::int64_t highest, const char* why) {
  if (value >= 0 && value <= highest) return;
  throw UsageError("augmentation.{} is {}: {} Choose 0 (off) to {} pixels.", key, value, why, highest);
}

void check_resized(const AugmentationOptions& options) {
  if (!(options.crop_scale_low > 0 && options.crop_scale_high >= options.crop_scale_low &&
        options.crop_scale_high <= 1))
    throw UsageError(
        "augmentation.crop_scale is [{}, {}]: the area of a window is drawn between the two as a share of the image's, so they must be in ascending order, above 0 and at most 1. Try [0.08, 1].",
        options.crop_scale_low, options.crop_scale_high);
  if (!(options.crop_ratio_low >= 0.01f && options.crop_ratio_high >= options.crop_ratio_low &&
        options.crop_ratio_high <= 100))
    throw UsageError(
        "augmentation.crop_ratio is [{}, {}]: width over height of a window is drawn between the two, so they must be in ascending order and between 0.01 and 100. Try [0.75, 1.3333333].",
        options.crop_ratio_low, options.crop_ratio_high);
}

/// A window must lie within the image.
void check_window(const AugmentationOptions& options, const SampleShape& shape) {
  const std::int64_t shorter = std::min(shape.height, shape.width);
  const std::int64_t side = options.crop_resize == 0 ? shorter : options.crop_resize;
  const std::int64_t height = shape.height * side / shorter, width = shape.width * side / shorter;
  if (options.crop_height <= height && options.crop_width <= width) return;
  const std::int64_t fitting = std::max((options.crop_height * shorter + shape.height - 1) / shape.height,
                                        (options.crop_width * shorter + shape.width - 1) / shape.width);
  throw UsageError(
      "augmentation.crop: images of {} x {} pixels{} are too small for a {} of {} x {} out of them. {} or give the network a smaller input.",
      shape.height, shape.width,
      options.crop_resize == 0 ? ""
                               : fmt::format(", resized to {} x {} by augmentation.crop_resize = {},", height,
                                             width, options.crop_resize),
      options.crop == Crop::centre ? "piece from the middle (evaluations take one)" : "piece",
      options.crop_height, options.crop_width,
      fmt::format(
          "Set augmentation.crop_resize to {} or more, to which the shorter side is then resized before,",
          fitting));
}

void check_crop(const AugmentationOptions& options, const SampleShape& shape) {
  if (options.crop == Crop::none) return;
  expect_contract(options.crop_height > 0 && options.crop_width > 0, "a crop makes images of some size");
  if (shape.flat)
    throw UsageError(
        "augmentation.crop is {}: it cuts pieces out of images, but the data are flat vectors of {} values. Remove it.",
        word_of(options.crop), shape.channels);
  if (options.crop_resize < 0)
    throw UsageError(
        "augmentation.crop_resize is {}: it is the shorter side, in pixels, of the images that a piece is cut out of. Choose 0 to take them as stored.",
        options.crop_resize);
  if (options.crop == Crop::random_resized)
    check_resized(options);
  else
    check_window(options, shape);
}

/// Positions are 32-bit numbers with 16 fractional bits; nothing within the other limits passes 6 images.
void check_extent(const AugmentationOptions& options, const SampleShape& shape) {
  const double reach = static_cast<double>(shape.height + shape.width) * (2.0 * options.zoom_high + 1.0);
  if (reach < 32000) return;
  throw UsageError(
      "augmentation.zoom_range up to {} on images of {} x {} pixels: source positions could lie {} pixels away, more than the 32000 that the resampler counts. Reduce the zoom, or store smaller images.",
      options.zoom_high, shape.height, shape.width, reach);
}

}  // namespace

void check(const AugmentationOptions& options, const SampleShape& shape) {
  check_range("rotation_range", options.rotation_range, 180, "degrees");
  check_range("shear_range", options.shear_range, 80, "degrees");
  check_shift("width_shift_range", options.width_shift_range, shape.width);
  check_shift("height_shift_range", options.height_shift_range, shape.height);
  check_factors("zoom_range", options.zoom_low, options.zoom_high, 0.05f, 10.0f);
  check_factors("brightness_range", options.brightness_low, options.brightness_high, 0.0f, 100.0f);
  check_range("channel_shift_range", options.channel_shift_range, 1e6, "pixel units");
  if (!std::isfinite(options.constant_value))
    throw UsageError(
        "augmentation.constant_value is {}: it becomes pixels, and one that is not a number spoils the training. Try 0.",
        options.constant_value);
  if (!(options.mixup >= 0 && options.mixup <= kMostMixup))
    throw UsageError(
        "augmentation.mixup is {}: it is the alpha of the beta distribution that shares are drawn from, 0 (off) to {}. Try 0.2.",
        options.mixup, kMostMixup);
  check_crop(options, shape);
  const SampleShape output = output_shape(options, shape);
  check_pixels("crop_padding", options.crop_padding, std::min(output.height, output.width),
               "a crop needs some of the image left in it.");
  check_pixels("cutout_size", options.cutout_size, std::min(output.height, output.width),
               "the square is cut out of the image.");
  check_extent(options, shape);
}

void check(const Normalisation& normalisation, const SampleShape& shape) {
  if (!std::isfinite(normalisation.rescale) || normalisation.rescale == 0)
    throw UsageError(
        "normalisation.rescale is {}: every pixel is multiplied by it, so it must be a number other than 0. Try 0.003921569 (1/255).",
        normalisation.rescale);
  if (normalisation.kind == Normalisation::Kind::none ||
      normalisation.kind == Normalisation::Kind::per_sample)
    return;
  const auto channels = static_cast<std::size_t>(shape.channels);
  if (normalisation.mean.size() != channels || normalisation.deviation.size() != channels)
    throw UsageError(
        "normalisation.mean has {} values and normalisation.deviation {}, but the images ({}) have {} channels: every channel needs one of each. Give {} values, or use `kind: per_feature` to have them computed.",
        normalisation.mean.size(), normalisation.deviation.size(), to_string(shape), channels, channels);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const float mean = normalisation.mean[channel];
    const float deviation = normalisation.deviation[channel];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0) {
      throw UsageError(
          "normalisation of channel {} has mean {} and deviation {}: pixels are divided by the deviation, so it must be above 0 and both must be numbers. Give the values in rescaled units, or use `kind: per_feature`.",
          channel, mean, deviation);
    }
  }
}

}  // namespace annulus::io
