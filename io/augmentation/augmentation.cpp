// One image through the stages of the generator. Stages that the plan leaves out cost nothing.
#include "io/augmentation/augmentation.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"
#include "io/augmentation/mixup_rules.hpp"
#include "io/augmentation/output.hpp"
#include "io/augmentation/plan.hpp"
#include "io/augmentation/resample.hpp"
#include "io/augmentation/rules.hpp"

namespace annulus::io {
namespace {

/// Buffers of one thread, grown once. The stages alternate between `image` and `moved`.
struct Scratch {
  std::vector<float> image;
  std::vector<float> moved;
  PixelMove move;
};

Scratch& scratch_for(const SampleShape& shape, const SampleShape& output, float constant) {
  thread_local Scratch scratch;
  const auto count = static_cast<std::size_t>(std::max(shape.size(), output.size())) + kImageSlack;
  if (scratch.image.size() < count) {
    scratch.image.resize(count);
    scratch.moved.resize(count);
  }
  scratch.move.rows.resize(static_cast<std::size_t>(output.height));
  scratch.move.columns.resize(static_cast<std::size_t>(output.width));
  scratch.move.constant = constant;
  scratch.move.channels = static_cast<std::size_t>(shape.channels);
  return scratch;
}

void to_float(std::span<const std::byte> raw, PixelType type, float* output) {
  if (type == PixelType::float32) {
    std::memcpy(output, raw.data(), raw.size());
    return;
  }
  const auto* values = reinterpret_cast<const std::uint8_t*>(raw.data());
  for (std::size_t i = 0; i < raw.size(); ++i) output[i] = static_cast<float>(values[i]);
}

/// @param extent  of the source along this axis
void map_axis(std::vector<std::int64_t>& axis, std::int64_t offset, std::int64_t extent, FillMode mode) {
  for (std::size_t i = 0; i < axis.size(); ++i)
    axis[i] = extended_index(static_cast<std::int64_t>(i) + offset, extent, mode);
}

void mirror(std::vector<std::int64_t>& axis) {
  const auto last = static_cast<std::int64_t>(axis.size()) - 1;
  for (std::int64_t& index : axis)
    if (index >= 0) index = last - index;
}

void cut_out(const AugmentationPlan& plan, std::int64_t size, const SampleShape& shape, PixelLayout layout,
             float* output) {
  const std::int64_t top = std::max<std::int64_t>(plan.cutout_row, 0);
  const std::int64_t bottom = std::min(plan.cutout_row + size, shape.height);
  const std::int64_t left = std::max<std::int64_t>(plan.cutout_column, 0);
  const std::int64_t right = std::min(plan.cutout_column + size, shape.width);
  const bool last = layout == PixelLayout::channels_last;
  const std::int64_t planes = last ? 1 : shape.channels;
  const std::int64_t values = last ? shape.channels : 1;  // side by side in memory
  for (std::int64_t plane = 0; plane < planes; ++plane)
    for (std::int64_t row = top; row < bottom; ++row) {
      float* line = output + (plane * shape.height + row) * shape.width * values;
      std::fill(line + left * values, line + right * values, 0.0f);
    }
}

}  // namespace

bool changes_images(const AugmentationOptions& options) {
  AugmentationOptions unmixed = options;
  unmixed.mixup = 0;
  return unmixed != AugmentationOptions{};
}

SampleShape output_shape(const AugmentationOptions& options, const SampleShape& shape) {
  return rules::output_of(options, shape);
}

AugmentationOptions evaluation_options(const AugmentationOptions& training) {
  AugmentationOptions options;
  if (training.crop == Crop::none) return options;
  options.crop = Crop::centre;
  options.crop_resize = training.crop_resize;
  options.crop_height = training.crop_height;
  options.crop_width = training.crop_width;
  return options;
}

struct Generator::Impl {
  SampleShape shape;
  SampleShape output;
  PixelType pixels;
  AugmentationOptions options;
  bool changes_images;
  Normalisation normalisation;
  std::array<std::uint32_t, 2> key;
  ValueMap map;
  ValueRange range;  ///< of pixels; endless for float pixels, whose range nobody states

  bool is_per_sample() const { return normalisation.kind == Normalisation::Kind::per_sample; }

  /// Raw pixels to floats in pixel units, moved by the plan's matrix; leaves them in scratch.image.
  void place(std::span<const std::byte> raw, const AugmentationPlan& plan, Scratch& scratch) const {
    const Fill fill{rules::affine_fill(options), options.constant_value};
    to_float(raw, pixels, scratch.image.data());
    if (plan.is_untransformed() && output == shape) return;
    if (plan.is_whole_shift()) {
      map_axis(scratch.move.rows, plan.matrix[2] >> 16, shape.height, fill.mode);
      map_axis(scratch.move.columns, plan.matrix[5] >> 16, shape.width, fill.mode);
      scratch.move.source_width = static_cast<std::size_t>(shape.width);
      move_pixels(scratch.image.data(), scratch.move, scratch.moved.data());
    } else {
      resample(scratch.image.data(), {shape, output, plan.matrix, fill}, scratch.moved.data());
    }
    std::swap(scratch.image, scratch.moved);
  }

  void change_colours(const AugmentationPlan& plan, std::span<float> image) const {
    const bool own = plan.channel_shift != 0 && options.channel_shift_clip == ShiftClip::image;
    shift_channels(plan.channel_shift, own ? range_of(image) : range, image);
    change_brightness(plan.brightness, range, image);
  }

  /// Flips, then the crop: one move of whole pixels. Brightness in between does not mind the order.
  const float* flip_and_crop(const AugmentationPlan& plan, Scratch& scratch) const {
    if (!plan.flip_horizontal && !plan.flip_vertical && plan.crop_row == 0 && plan.crop_column == 0)
      return scratch.image.data();
    map_axis(scratch.move.rows, plan.crop_row, output.height, options.crop_fill_mode);
    map_axis(scratch.move.columns, plan.crop_column, output.width, options.crop_fill_mode);
    scratch.move.source_width = static_cast<std::size_t>(output.width);
    if (plan.flip_vertical) mirror(scratch.move.rows);
    if (plan.flip_horizontal) mirror(scratch.move.columns);
    move_pixels(scratch.image.data(), scratch.move, scratch.moved.data());
    return scratch.moved.data();
  }

  void augment(std::span<const std::byte> raw, const AugmentationPlan& plan, PixelLayout layout,
               float* made) const {
    Scratch& scratch = scratch_for(shape, output, options.constant_value);
    place(raw, plan, scratch);
    change_colours(plan, std::span(scratch.image).first(static_cast<std::size_t>(output.size())));
    const float* image = flip_and_crop(plan, scratch);
    if (is_per_sample())
      write_image(image, make_sample_map(image, normalisation.rescale, output), output, layout, made);
    else
      write_image(image, map, output, layout, made);
    if (options.cutout_size > 0) cut_out(plan, options.cutout_size, output, layout, made);
  }
};

Generator::Generator(const SourceInfo& source, AugmentationOptions augmentation, Normalisation normalisation,
                     std::uint64_t seed) {
  check(augmentation, source.shape);
  check(normalisation, source.shape);
  const SampleShape output = io::output_shape(augmentation, source.shape);
  const bool bytes = source.pixels == PixelType::uint8;
  auto impl = std::make_shared<Impl>(Impl{source.shape, output, source.pixels, augmentation,
                                          io::changes_images(augmentation), std::move(normalisation),
                                          stream_key(seed, Purpose::augment), ValueMap{},
                                          bytes ? ValueRange{0, 255} : ValueRange{}});
  impl->map = make_value_map(impl->normalisation, impl->output);
  impl_ = std::move(impl);
}

bool Generator::mixes() const { return impl_->options.mixup != 0; }

void Generator::draw_shares(std::uint64_t epoch, std::span<const std::uint64_t> samples,
                            std::span<float> shares) const {
  expect_contract(samples.size() == shares.size(), "every sample has a share");
  for (std::size_t i = 0; i < samples.size(); ++i)
    shares[i] = samples.size() == 1
                    ? 1.0f
                    : rules::mixup_share(impl_->options.mixup, rules::Draws(impl_->key, {epoch, samples[i]}));
}

const SampleShape& Generator::shape() const { return impl_->shape; }
const SampleShape& Generator::output_shape() const { return impl_->output; }
PixelType Generator::pixels() const { return impl_->pixels; }
const AugmentationOptions& Generator::augmentation() const { return impl_->options; }
const Normalisation& Generator::normalisation() const { return impl_->normalisation; }

void Generator::make(std::span<const std::byte> raw, std::uint64_t epoch, std::uint64_t sample,
                     PixelLayout layout, std::span<float> output) const {
  const Impl& self = *impl_;
  expect_contract(output.size() == static_cast<std::size_t>(self.output.size()),
                  "the output holds one image");
  expect_contract(raw.size() == static_cast<std::size_t>(self.shape.size()) * size_of(self.pixels),
                  "the input holds one image");
  if (!self.changes_images && !self.is_per_sample()) {
    if (self.pixels == PixelType::uint8)
      write_image(reinterpret_cast<const std::uint8_t*>(raw.data()), self.map, self.shape, layout,
                  output.data());
    else
      write_image(reinterpret_cast<const float*>(raw.data()), self.map, self.shape, layout, output.data());
    return;
  }
  const AugmentationPlan plan = draw_plan(self.options, self.shape, self.key, {epoch, sample});
  self.augment(raw, plan, layout, output.data());
}

}  // namespace annulus::io
