// Crops to another size, and flips that alternate: which window is shown, where its pixels come from, and
// what an evaluation shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "io/augmentation/augmentation.hpp"
#include "io/augmentation/rules.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using rules::Window;
using testing::AllOf;
using testing::HasSubstr;

constexpr auto kKey = stream_key(5, Purpose::augment);
const SampleShape kShape{40, 60, 3};

AugmentationOptions crop_of(Crop crop, std::int64_t height, std::int64_t width) {
  AugmentationOptions options;
  options.crop = crop;
  options.crop_height = height;
  options.crop_width = width;
  return options;
}

Window window_of(const AugmentationOptions& options, std::uint64_t sample,
                 const SampleShape& shape = kShape) {
  return rules::draw_window(options, shape, rules::Draws(kKey, {2, sample}));
}

TEST(CropRules, AgreeWithTheLibrarysFunctions) {
  for (double x = -4.7; x < 4.7; x += 0.013)
    EXPECT_NEAR(rules::exponential(x), std::exp(x), 1e-13 * std::exp(x)) << x;
  for (double x = 0.01; x < 120; x *= 1.07) EXPECT_NEAR(rules::logarithm(x), std::log(x), 1e-14 * 5) << x;
  for (double x = 1e-6; x < 1e10; x *= 1.3)
    EXPECT_NEAR(rules::square_root(x), std::sqrt(x), 4e-16 * std::sqrt(x)) << x;
  EXPECT_EQ(rules::square_root(144), 12);
  EXPECT_EQ(rules::square_root(0), 0);
}

TEST(RandomResizedCrop, WindowsLieInTheImageAndKeepToTheRanges) {
  AugmentationOptions options = crop_of(Crop::random_resized, 20, 20);
  options.crop_scale_low = 0.2f;
  options.crop_scale_high = 0.6f;
  for (std::uint64_t sample = 0; sample < 4000; ++sample) {
    const Window window = window_of(options, sample);
    EXPECT_GE(window.row, 0);
    EXPECT_LE(window.row + window.height, 40);
    EXPECT_GE(window.column, 0);
    EXPECT_LE(window.column + window.width, 60);
    EXPECT_EQ(window.height, std::floor(window.height));
    // A side is rounded by half a pixel at most.
    EXPECT_GE((window.height + 0.5) * (window.width + 0.5), 0.2 * 2400);
    EXPECT_LE((window.height - 0.5) * (window.width - 0.5), 0.6 * 2400);
    EXPECT_GE((window.width + 0.5) / (window.height - 0.5), 0.75);
    EXPECT_LE((window.width - 0.5) / (window.height + 0.5), 4.0 / 3);
  }
}

/// Of many windows in an image so large that nearly all first tries fit.
TEST(RandomResizedCrop, AreasAreUniformAndSoAreLogarithmsOfTheRatio) {
  AugmentationOptions options = crop_of(Crop::random_resized, 20, 20);
  options.crop_scale_high = 0.5f;
  const SampleShape large{1000, 1000, 3};
  constexpr int kSamples = 4000;
  double area = 0, logarithm = 0, square = 0, place = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const Window window = window_of(options, sample, large);
    const double ratio = std::log(window.width / window.height);
    area += window.height * window.width / 1e6 / kSamples;
    logarithm += ratio / kSamples;
    square += ratio * ratio / kSamples;
    place += window.row / (1000 - window.height) / kSamples;
  }
  const double root = std::sqrt(static_cast<double>(kSamples));
  EXPECT_NEAR(area, 0.29, 5 * 0.42 / std::sqrt(12.0) / root);
  EXPECT_NEAR(logarithm, 0, 5 * 2 * std::log(4.0 / 3) / std::sqrt(12.0) / root);
  EXPECT_NEAR(square, std::pow(std::log(4.0 / 3), 2) / 3, 0.002);
  EXPECT_NEAR(place, 0.5, 5 / std::sqrt(12.0) / root);
}

TEST(RandomResizedCrop, TakesTheMiddleWhereNoTryFits) {
  AugmentationOptions options = crop_of(Crop::random_resized, 20, 20);
  options.crop_scale_low = options.crop_scale_high = 1;

  const Window wide = window_of(options, 0, {10, 100, 1});
  EXPECT_EQ(wide.height, 10);
  EXPECT_EQ(wide.width, 13) << "10 * 4/3";
  EXPECT_EQ(wide.row, 0);
  EXPECT_EQ(wide.column, 43);
  const Window high = window_of(options, 0, {100, 10, 1});
  EXPECT_EQ(high.height, 13) << "10 / (3/4)";
  EXPECT_EQ(high.width, 10);
  EXPECT_EQ(high.row, 43);
}

TEST(Crop, TheMiddleIsTheMiddle) {
  const Window window = window_of(crop_of(Crop::centre, 227, 227), 9, {256, 256, 3});
  EXPECT_EQ(window.row, 14);
  EXPECT_EQ(window.column, 14);
  EXPECT_EQ(window.height, 227);

  AugmentationOptions resized = crop_of(Crop::centre, 224, 224);
  resized.crop_resize = 256;
  const Window part = window_of(resized, 9, {512, 768, 3});
  EXPECT_EQ(part.height, 448) << "224 of 256 pixels of the shorter side";
  EXPECT_EQ(part.row, 32);
  EXPECT_EQ(part.column, 160);
}

TEST(Crop, RandomPiecesReachEveryPlace) {
  const AugmentationOptions options = crop_of(Crop::random, 38, 57);
  std::set<std::pair<double, double>> places;
  for (std::uint64_t sample = 0; sample < 400; ++sample) {
    const Window window = window_of(options, sample);
    places.insert({window.row, window.column});
  }
  EXPECT_EQ(places.size(), 12u) << "rows 0 to 2, columns 0 to 3";
  EXPECT_EQ(*places.begin(), std::pair(0.0, 0.0));
  EXPECT_EQ(*places.rbegin(), std::pair(2.0, 3.0));
}

std::vector<float> made(const AugmentationOptions& options, const SampleShape& shape,
                        const std::vector<std::uint8_t>& raw, std::uint64_t sample = 0) {
  const Generator generator(test::PatternSource(1, shape).info(), options, {}, 5);
  std::vector<float> output(static_cast<std::size_t>(generator.output_shape().size()));
  generator.make(std::as_bytes(std::span(raw)), 2, sample, PixelLayout::channels_last, output);
  return output;
}

TEST(Crop, ShowsThePixelsOfItsWindow) {
  const std::vector<std::uint8_t> raw{0,  1,  2,  3,  4,   //
                                      10, 11, 12, 13, 14,  //
                                      20, 21, 22, 23, 24,  //
                                      30, 31, 32, 33, 34};
  EXPECT_EQ(made(crop_of(Crop::centre, 2, 3), {4, 5, 1}, raw), (std::vector<float>{11, 12, 13, 21, 22, 23}));
  // At the upper left, where nothing is moved but the size is another.
  for (std::uint64_t sample = 0; sample < 20; ++sample) {
    const AugmentationOptions options = crop_of(Crop::random, 3, 4);
    const Window window = rules::draw_window(options, {4, 5, 1}, rules::Draws(kKey, {2, sample}));
    const std::vector<float> image = made(options, {4, 5, 1}, raw, sample);
    for (std::size_t i = 0; i < image.size(); ++i)
      EXPECT_EQ(image[i],
                10 * (window.row + static_cast<double>(i / 4)) + window.column + static_cast<double>(i % 4));
  }
}

TEST(Crop, ResizesLinearly) {
  const std::vector<std::uint8_t> ramp{0, 10, 20, 30, 40, 50, 60, 70};
  AugmentationOptions half = crop_of(Crop::centre, 1, 4);
  half.crop_resize = 1;
  EXPECT_EQ(made(half, {2, 8, 1}, {0, 10, 20, 30, 40, 50, 60, 70, 0, 10, 20, 30, 40, 50, 60, 70}),
            (std::vector<float>{5, 25, 45, 65}))
      << "between two pixels of each row";
  AugmentationOptions twice = crop_of(Crop::centre, 2, 16);
  twice.crop_resize = 2;
  twice.fill_mode = FillMode::constant;  // of rotations; none is beyond the edge here
  twice.constant_value = 255;
  const std::vector<float> enlarged = made(twice, {1, 8, 1}, ramp);
  EXPECT_EQ(std::vector<float>(enlarged.begin(), enlarged.begin() + 4),
            (std::vector<float>{0, 2.5, 7.5, 12.5}));
  EXPECT_EQ(enlarged[15], 70);
}

TEST(Crop, AnEvaluationTakesTheMiddleAndNothingElse) {
  AugmentationOptions training = crop_of(Crop::random_resized, 20, 24);
  training.horizontal_flip = true;
  training.rotation_range = 20;
  training.crop_resize = 30;
  const AugmentationOptions evaluation = evaluation_options(training);
  AugmentationOptions expected = crop_of(Crop::centre, 20, 24);
  expected.crop_resize = 30;
  EXPECT_EQ(evaluation, expected);
  EXPECT_EQ(evaluation_options({.rotation_range = 20}), AugmentationOptions{});
}

TEST(Crop, RefusesWhatCannotBe) {
  const auto message = [](const AugmentationOptions& options, const SampleShape& shape) {
    try {
      check(options, shape);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(message(crop_of(Crop::centre, 41, 41), kShape),
              AllOf(HasSubstr("40 x 60"), HasSubstr("41 x 41"), HasSubstr("crop_resize to 41 or more")));
  AugmentationOptions small = crop_of(Crop::random, 20, 33);
  small.crop_resize = 21;
  EXPECT_THAT(message(small, kShape), HasSubstr("crop_resize to 22 or more"));
  small.crop_resize = 22;
  EXPECT_NO_THROW(check(small, kShape)) << "what the message says";
  AugmentationOptions scale = crop_of(Crop::random_resized, 20, 20);
  scale.crop_scale_low = 0;
  EXPECT_THAT(message(scale, kShape), HasSubstr("crop_scale is [0, 1]"));
  AugmentationOptions ratio = crop_of(Crop::random_resized, 20, 20);
  ratio.crop_ratio_low = 2;
  EXPECT_THAT(message(ratio, kShape), HasSubstr("crop_ratio is [2, 1.33"));
}

TEST(AlternatingFlip, TurnsAnImageEveryOtherEpochAndHalfOfThemFirst) {
  AugmentationOptions options;
  options.horizontal_flip = options.alternating_flip = true;
  int first = 0;
  for (std::uint64_t sample = 0; sample < 1000; ++sample) {
    const auto flipped = [&](std::uint64_t epoch) {
      return draw_plan(options, kShape, kKey, {epoch, sample}).flip_horizontal;
    };
    first += flipped(0);
    for (std::uint64_t epoch = 0; epoch < 6; ++epoch) EXPECT_NE(flipped(epoch), flipped(epoch + 1));
  }
  EXPECT_NEAR(first, 500, 80);  // five deviations
  options.horizontal_flip = false;
  EXPECT_FALSE(draw_plan(options, kShape, kKey, {0, 1}).flip_horizontal);
  EXPECT_FALSE(draw_plan(options, kShape, kKey, {1, 1}).flip_horizontal);
}

}  // namespace
}  // namespace annulus::io
