// The GPU's augmentation against the CPU's generator, pixel by pixel, bit by bit: every option alone and all
// of them together, every fill mode, bytes and floats, every kind of normalisation.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "base/draw_key.hpp"
#include "io/augmentation/mixup.hpp"
#include "io/augmentation/output.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "trainer/backend/cuda/augmentation_setup.hpp"
#include "trainer/backend/cuda/kernels/apply_augmentation.hpp"

namespace annulus::trainer::cuda {
namespace {

constexpr std::uint64_t kSeed = 11;
constexpr std::uint32_t kEpoch = 3;
constexpr std::int64_t kImages =
    40;  // enough for every branch of a plan: flips both ways, crops on all sides

struct Variant {
  std::string name;
  io::AugmentationOptions options;
  io::Normalisation normalisation = {};
  SampleShape shape = {9, 12, 3};
  io::PixelType pixels = io::PixelType::uint8;
};

/// Every third of a sample that was drawn before.
std::vector<std::uint64_t> sample_keys() {
  std::vector<std::uint64_t> keys;
  for (std::int64_t i = 0; i < kImages; ++i)
    keys.push_back(draw_key(static_cast<std::uint64_t>((i * 37) % 50), i % 3 == 1 ? 700 : 0));
  return keys;
}

std::vector<std::uint64_t> numbers_of(std::vector<std::uint64_t> keys) {
  std::ranges::transform(keys, keys.begin(), sample_of);
  return keys;
}

std::vector<float> by_generator(const Variant& variant, const std::vector<std::byte>& pixels,
                                const std::vector<std::uint64_t>& numbers) {
  test::PatternSource source(50, variant.shape, variant.pixels);
  const io::Generator generator(source.info(), variant.options, variant.normalisation, kSeed);
  const auto values = static_cast<std::size_t>(generator.output_shape().size());
  const std::size_t bytes = static_cast<std::size_t>(variant.shape.size()) * io::size_of(variant.pixels);
  std::vector<float> images(numbers.size() * values);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    generator.make(std::span(pixels).subspan(i * bytes, bytes), kEpoch, numbers[i],
                   io::PixelLayout::channels_last, std::span(images).subspan(i * values, values));
  if (!generator.mixes()) return images;
  std::vector<float> shares(numbers.size());
  generator.draw_shares(kEpoch, numbers, shares);
  io::mix_rows(shares, images, values, {0, values});
  return images;
}

std::vector<float> by_bodies(const Variant& variant, const void* pixels,
                             const std::vector<std::uint64_t>& numbers, bool by_number) {
  const test::PatternSource source(50, variant.shape, variant.pixels);
  const AugmentationSetup setup =
      set_up_augmentation(source.info(), {variant.options, variant.normalisation, kSeed});
  const StepScalars scalars{.epoch = kEpoch};
  std::vector<io::AugmentationPlan> plans(numbers.size());
  std::vector<double> sums(2 * numbers.size() * kImageLanes);
  std::vector<float> ranges(2 * numbers.size() * kRangeLanes);
  std::vector<float> maps(2 * numbers.size());
  std::vector<float> images(numbers.size() * static_cast<std::size_t>(setup.constants.output.size()), NAN);
  std::vector<float> mixed = images, shares(numbers.size());
  const io::Generator generator(source.info(), variant.options, variant.normalisation, kSeed);
  if (generator.mixes()) generator.draw_shares(kEpoch, numbers, shares);  // by the host, which sends them
  AugmentationCall call{.constants = setup.constants, .pixel_type = variant.pixels, .pixels = pixels};
  call.samples = numbers.data();
  call.by_number = by_number;
  call.scalars = &scalars;
  call.plans = setup.augments ? plans.data() : nullptr;
  call.scale = setup.scale.empty() ? nullptr : setup.scale.data();
  call.offset = setup.offset.data();
  call.sums = sums.data();
  call.ranges = ranges.data();
  call.maps = maps.data();
  call.output = images.data();
  call.shares = generator.mixes() ? shares.data() : nullptr;
  call.mixed = mixed.data();
  call.n = static_cast<std::int64_t>(numbers.size());
  apply(call, HostExecutor{});
  return generator.mixes() ? mixed : images;
}

/// Values whose bits differ.
std::size_t count_different(const std::vector<float>& one, const std::vector<float>& other) {
  std::size_t different = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i)
    different += std::bit_cast<std::uint32_t>(one[i]) != std::bit_cast<std::uint32_t>(other[i]) ? 1 : 0;
  return different;
}

void expect_equal_images(const Variant& variant) {
  const std::vector<std::uint64_t> numbers = sample_keys();
  test::PatternSource source(50, variant.shape, variant.pixels);
  const std::size_t bytes = static_cast<std::size_t>(variant.shape.size()) * io::size_of(variant.pixels);
  std::vector<std::byte> pixels(numbers.size() * bytes), all(50 * bytes);
  std::vector<std::int32_t> labels(50);
  source.read(numbers_of(numbers), {pixels, std::span(labels).first(numbers.size())});
  std::vector<std::uint64_t> every(50);
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;
  source.read(every, {all, labels});

  const std::vector<float> expected = by_generator(variant, pixels, numbers);

  EXPECT_EQ(count_different(by_bodies(variant, pixels.data(), numbers, false), expected), 0u) << variant.name;
  EXPECT_EQ(count_different(by_bodies(variant, all.data(), numbers, true), expected), 0u)
      << variant.name << ", all images resident";
}

io::AugmentationOptions everything(io::FillMode mode) {
  io::AugmentationOptions options;
  options.rotation_range = 40;
  options.width_shift_range = 0.25f;
  options.height_shift_range = 2;
  options.shear_range = 15;
  options.zoom_low = 0.8f;
  options.zoom_high = 1.25f;
  options.horizontal_flip = options.vertical_flip = true;
  options.brightness_low = 0.5f;
  options.brightness_high = 1.5f;
  options.channel_shift_range = 30;
  options.fill_mode = mode;
  options.constant_value = 17;
  options.crop_padding = 2;
  options.crop_fill_mode = mode;
  options.cutout_size = 4;
  return options;
}

io::ShiftRange continuous(float amount) {
  io::ShiftRange range = amount;
  range.continuous = true;
  return range;
}

io::ShiftRange choices(std::initializer_list<float> values) {
  io::ShiftRange range;
  for (const float value : values) range.choices[range.count++] = value;
  return range;
}

TEST(GatherLabelsBody, TakesLabelsByTheNumbersOfTheSamples) {
  const std::vector<std::int32_t> all{5, 6, 7};
  const std::vector<std::uint64_t> samples{2, 0, draw_key(2, 9)};
  std::vector<std::int32_t> labels(3);

  run_on_host(
      GatherLabelsBody{.all = all.data(), .samples = samples.data(), .labels = labels.data(), .n = 3});

  EXPECT_EQ(labels, (std::vector<std::int32_t>{7, 5, 7}));
}

TEST(AugmentationBodies, MakeTheGeneratorsPixelsForEveryOptionAlone) {
  expect_equal_images({"nothing", {}});
  expect_equal_images({"rotation", {.rotation_range = 180}});
  expect_equal_images({"part of the width", {.width_shift_range = 0.4f}});
  expect_equal_images({"whole pixels", {.width_shift_range = 3, .height_shift_range = 5}});
  expect_equal_images({"shear", {.shear_range = 45}});
  expect_equal_images({"zoom", {.zoom_low = 0.5f, .zoom_high = 2}});
  expect_equal_images({"horizontal flip", {.horizontal_flip = true}});
  expect_equal_images({"vertical flip", {.vertical_flip = true}});
  expect_equal_images({"brightness", {.brightness_low = 0.2f, .brightness_high = 3}});
  expect_equal_images({"channel shift", {.channel_shift_range = 100}});
  expect_equal_images({"channel shift within the image's range",
                       {.channel_shift_range = 100, .channel_shift_clip = io::ShiftClip::image}});
  expect_equal_images({"continuous shift", {.width_shift_range = continuous(2.5f)}});
  expect_equal_images(
      {"chosen shifts", {.width_shift_range = choices({-3, 1.5f}), .height_shift_range = choices({0.25f})}});
  expect_equal_images({"crop", {.constant_value = 5, .crop_padding = 4}});
  expect_equal_images({"cutout", {.cutout_size = 5}});
}

TEST(AugmentationBodies, MixImagesAsTheLoaderDoes) {
  expect_equal_images({"mixtures alone", {.mixup = 0.2f}});
  io::AugmentationOptions all = everything(io::FillMode::reflect);
  all.mixup = 1;
  const io::Normalisation each{.kind = io::Normalisation::Kind::per_sample, .mean = {}, .deviation = {}};
  expect_equal_images({"mixtures of everything", all, each});
  const std::vector<float> one{3, INFINITY}, share{1};
  std::vector<float> mixed(2);
  run_on_host(
      MixRowsBody{.from = one.data(), .shares = share.data(), .to = mixed.data(), .length = 2, .n = 1});
  EXPECT_EQ(mixed, one) << "a sample alone stays as it is";
}

io::AugmentationOptions cropped(io::AugmentationOptions options, io::Crop crop, int resize = 0) {
  options.crop = crop;
  options.crop_resize = resize;
  options.crop_height = 6;
  options.crop_width = 7;
  return options;
}

TEST(AugmentationBodies, MakeTheGeneratorsPixelsOfAnotherSize) {
  for (const io::Crop crop : {io::Crop::centre, io::Crop::random, io::Crop::random_resized}) {
    const std::string name(word_of(crop));
    expect_equal_images({name, cropped({}, crop)});
    expect_equal_images({name + ", resized", cropped({}, crop, 8)});
    for (const auto mode : {io::FillMode::nearest, io::FillMode::constant}) {
      io::AugmentationOptions all = everything(mode);
      all.channel_shift_clip = io::ShiftClip::image;
      all.alternating_flip = true;
      expect_equal_images({name + " with everything", cropped(all, crop)});
    }
    const io::Normalisation each{.kind = io::Normalisation::Kind::per_sample, .mean = {}, .deviation = {}};
    expect_equal_images({name + ", floats",
                         cropped({.horizontal_flip = true}, crop),
                         each,
                         {9, 12, 5},
                         io::PixelType::float32});
  }
  io::AugmentationOptions enlarged = cropped({.fill_mode = io::FillMode::constant}, io::Crop::random_resized);
  enlarged.crop_height = 31;
  enlarged.crop_width = 20;
  expect_equal_images({"enlarged", enlarged});
}

/// An evaluation gives neither numbers of samples nor an epoch.
TEST(AugmentationBodies, CropTheMiddleWithoutNumbers) {
  const Variant variant{"middle", cropped({}, io::Crop::centre, 8)};
  const test::PatternSource source(50, variant.shape, variant.pixels);
  const AugmentationSetup setup = set_up_augmentation(source.info(), {variant.options, {}, kSeed});
  const StepScalars scalars{.epoch = kEpoch};
  const std::uint64_t number = 7;
  io::AugmentationPlan with, without;
  run_on_host(DrawPlanBody{setup.constants, &scalars, &number, &with, 1});
  run_on_host(DrawPlanBody{setup.constants, nullptr, nullptr, &without, 1});
  EXPECT_EQ(with.matrix, without.matrix);
}

TEST(AugmentationBodies, ClipAShiftToTheRangeOfThePlacedImage) {
  for (const auto pixels : {io::PixelType::uint8, io::PixelType::float32}) {
    io::AugmentationOptions options = everything(io::FillMode::constant);
    options.channel_shift_clip = io::ShiftClip::image;
    expect_equal_images({"clipped to the image", options, {}, {9, 12, 3}, pixels});
  }
}

TEST(AugmentationBodies, MakeTheGeneratorsPixelsForEveryFillMode) {
  for (const auto mode :
       {io::FillMode::nearest, io::FillMode::constant, io::FillMode::reflect, io::FillMode::wrap}) {
    const std::string name = "fill mode " + std::to_string(static_cast<int>(mode));
    expect_equal_images({name, everything(mode)});
    expect_equal_images(
        {name + ", whole pixels",
         {.width_shift_range = 3, .height_shift_range = 4, .fill_mode = mode, .constant_value = 9}});
  }
}

TEST(AugmentationBodies, MakeTheGeneratorsPixelsForEveryNormalisation) {
  using Kind = io::Normalisation::Kind;
  const auto options = everything(io::FillMode::reflect);
  const io::Normalisation given{.kind = Kind::given,
                                .rescale = 1.0f / 255,
                                .mean = {0.4f, 0.5f, 0.6f},
                                .deviation = {0.2f, 0.3f, 0.25f}};
  const io::Normalisation each{.kind = Kind::per_sample, .rescale = 1.0f / 255, .mean = {}, .deviation = {}};
  for (const auto pixels : {io::PixelType::uint8, io::PixelType::float32}) {
    expect_equal_images({"given", options, given, {9, 12, 3}, pixels});
    expect_equal_images({"per sample", options, each, {9, 12, 3}, pixels});
    expect_equal_images({"per sample alone", {}, each, {7, 5, 1}, pixels});
    expect_equal_images(
        {"rescaled", options, {.rescale = 0.5f, .mean = {}, .deviation = {}}, {8, 8, 5}, pixels});
  }
}

}  // namespace
}  // namespace annulus::trainer::cuda
