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
  check_pixels("crop_padding", options.crop_padding, std::min(shape.height, shape.width),
               "a crop needs some of the image left in it.");
  check_pixels("cutout_size", options.cutout_size, std::min(shape.height, shape.width),
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
