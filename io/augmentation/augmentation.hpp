// The augmentation generator: raw pixels to normalised float images, with Keras' names for the
// transformations. What happens to a sample is a pure function of (seed, epoch, sample number): never of
// rank, thread or order.
//
// In: raw pixels of a sample, and its key (seed, epoch, number).
// Out: its normalised float image; its share in a mixture with another one (mixup.hpp).
// Invariant: host and GPU make the same image. What is drawn stands once, in rules.hpp; that positions are
// rounded to 1/256 pixel stands here and in trainer/backend/cuda/kernels/augmentation_body.hpp.
// Next: plan.hpp (what happens to one sample), rules.hpp (how it is drawn), resample.cpp (the geometry, and
// why it is exact), output.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/enum_words.hpp"
#include "base/shape.hpp"
#include "io/dataset/batch.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

enum class FillMode { nearest, constant, reflect, wrap };

/// How far an image is shifted along one axis, in the forms of Keras' width_shift_range.
struct ShiftRange {
  static constexpr std::size_t kMostChoices = 16;
  /// Below 1: any fraction of the extent in [-r, r]. From 1 on: whole pixels in [-r, r], or any position
  /// between if `continuous`.
  float amount = 0;
  bool continuous = false;
  /// Instead of an amount: one of the first `count` with a random sign; fractions of the extent where all lie
  /// in (-1, 1), else pixels.
  std::array<float, kMostChoices> choices{};
  std::size_t count = 0;

  constexpr ShiftRange() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a plain number is the usual form
  constexpr ShiftRange(float range) : amount(range) {}
  bool operator==(const ShiftRange&) const = default;

  constexpr bool is_off() const { return amount == 0 && count == 0; }
  constexpr std::span<const float> given() const { return std::span(choices).first(count); }
  /// Whether the numbers are fractions of the extent.
  constexpr bool is_fraction() const {
    if (count == 0) return amount < 1;
    bool all = true;
    for (const float choice : given()) all = all && choice < 1 && choice > -1;
    return all;
  }
};

/// What values a channel shift is clipped to.
enum class ShiftClip {
  pixels,  ///< 0..255 for uint8 pixels; float pixels are not clipped
  image,   ///< smallest and largest value of the image before the shift, as Keras does
};

/// How images of one size are made of stored ones of another.
enum class Crop {
  none,            ///< they keep their size
  centre,          ///< the middle
  random,          ///< a window anywhere
  random_resized,  ///< a window of random area and aspect ratio anywhere, resized: torchvision's
                   ///< RandomResizedCrop
};

/// Random transformations of an image, in the units of Keras' ImageDataGenerator. All off by default.
struct AugmentationOptions {
  float rotation_range = 0;  ///< degrees: angle uniform in [-r, r]
  ShiftRange width_shift_range;
  ShiftRange height_shift_range;
  float shear_range = 0;  ///< degrees
  float zoom_low = 1;     ///< factor on source positions, uniform in [low, high] per axis: > 1 shrinks
  float zoom_high = 1;
  bool horizontal_flip = false;
  bool vertical_flip = false;
  bool alternating_flip = false;  ///< horizontal flips come every other epoch, for half of the samples first
  float brightness_low = 1;       ///< factor uniform in [low, high]; uint8 pixels are clipped to 0..255
  float brightness_high = 1;
  float channel_shift_range = 0;  ///< in pixel units: one amount in [-r, r] added to all channels
  ShiftClip channel_shift_clip = ShiftClip::pixels;
  FillMode fill_mode = FillMode::nearest;
  float constant_value = 0;  ///< for FillMode::constant, in pixel units
  int crop_padding = 0;      ///< random crop after padding by this many pixels on each side
  FillMode crop_fill_mode = FillMode::constant;  ///< what the padding holds
  int cutout_size = 0;  ///< side of a square whose network input becomes 0 (the mean), in pixels; 0 = none
  Crop crop = Crop::none;
  float crop_scale_low = 0.08f;  ///< random_resized: area of the window as a share of the image's, uniform
  float crop_scale_high = 1;
  float crop_ratio_low = 0.75f;  ///< random_resized: width over height of the window, its logarithm uniform
  float crop_ratio_high = 4.0f / 3.0f;
  int crop_resize =
      0;  ///< centre, random: out of the image resized to this shorter side, in pixels; 0 = as stored
  std::int64_t crop_height = 0;  ///< of the images that a crop makes, in pixels: the network's input
  std::int64_t crop_width = 0;
  /// Alpha of the beta distribution of the share of a sample in its mixture with another; 0 = none.
  float mixup = 0;
  bool operator==(const AugmentationOptions&) const = default;
};

/// Largest AugmentationOptions::mixup: with more, all shares are a half to two digits.
inline constexpr float kMostMixup = 1000;

/// @param shape  of the stored images   @throws UsageError naming key, value, reason and what to try
void check(const AugmentationOptions& options, const SampleShape& shape);

/// Whether anything happens to an image by itself, mixtures of several aside.
bool changes_images(const AugmentationOptions& options);

/// Shape of the images that are made of stored ones of `shape`.
SampleShape output_shape(const AugmentationOptions& options, const SampleShape& shape);

/// What an evaluation does of it: nothing random, but the middle of the image where a training crops.
AugmentationOptions evaluation_options(const AugmentationOptions& training);

/// From pixel values to network input: x -> ((x * rescale) - mean[c]) / deviation[c].
struct Normalisation {
  enum class Kind { none, given, per_feature, per_sample };
  Kind kind = Kind::none;
  float rescale = 1.0f;     ///< applied first, e.g. 1/255
  std::vector<float> mean;  ///< per channel, in rescaled units (given, or computed from the training set)
  std::vector<float> deviation;  ///< per channel
  bool operator==(const Normalisation&) const = default;
};

/// @throws UsageError if mean or deviation do not fit the image
void check(const Normalisation& normalisation, const SampleShape& shape);

/// Makes float images from raw pixels, in this order: rotation, shift, shear, zoom and the crop to another
/// size as one affine resampling; channel shift; horizontal, vertical flip; brightness; random crop; cutout;
/// normalisation. Const and thread-safe: one generator serves all threads, and copies share what they know.
class Generator {
 public:
  /// @throws UsageError as check() does
  Generator(const SourceInfo& source, AugmentationOptions augmentation, Normalisation normalisation,
            std::uint64_t seed);
  /// Transforms one image. @param raw  H*W*C values of the source's pixel type, channels last
  /// @param output  output_shape().size() floats in `layout`
  void make(std::span<const std::byte> raw, std::uint64_t epoch, std::uint64_t sample, PixelLayout layout,
            std::span<float> output) const;

  /// Whether samples of a training are mixed with others: augmentation().mixup is not 0.
  bool mixes() const;
  /// Share of each sample of a shard in its mixture with the next one (io::Shard::shares).
  /// @param shares  as many as samples
  void draw_shares(std::uint64_t epoch, std::span<const std::uint64_t> samples,
                   std::span<float> shares) const;

  const SampleShape& shape() const;  ///< of the stored images
  const SampleShape& output_shape() const;
  PixelType pixels() const;
  const AugmentationOptions& augmentation() const;
  const Normalisation& normalisation() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace annulus::io

template <>
struct annulus::EnumWords<annulus::io::FillMode> {
  static constexpr std::array kWords{"nearest", "constant", "reflect", "wrap"};
};

template <>
struct annulus::EnumWords<annulus::io::Crop> {
  static constexpr std::array kWords{"none", "centre", "random", "random_resized"};
};

template <>
struct annulus::EnumWords<annulus::io::ShiftClip> {
  static constexpr std::array kWords{"pixels", "image"};
};

template <>
struct annulus::EnumWords<annulus::io::Normalisation::Kind> {
  static constexpr std::array kWords{"none", "given", "per_feature", "per_sample"};
};
