// What is drawn for a sample: within its range, the same for the same key, and untouched by other options.
#include "io/augmentation/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "base/random.hpp"
#include "io/augmentation/rules.hpp"

namespace annulus::io {
namespace {

const SampleShape kShape{32, 24, 3};
constexpr auto kKey = stream_key(5, Purpose::augment);

AugmentationOptions everything() {
  AugmentationOptions options;
  options.rotation_range = 30;
  options.width_shift_range = 0.25f;
  options.height_shift_range = 0.125f;
  options.shear_range = 10;
  options.zoom_low = 0.8f;
  options.zoom_high = 1.25f;
  options.horizontal_flip = true;
  options.vertical_flip = true;
  options.brightness_low = 0.5f;
  options.brightness_high = 1.5f;
  options.channel_shift_range = 20;
  options.crop_padding = 4;
  options.cutout_size = 8;
  return options;
}

TEST(AugmentationPlan, OneTransformationDoesNotChangeAnother) {
  const AugmentationOptions all = everything();
  for (std::uint64_t sample = 0; sample < 50; ++sample) {
    const AugmentationPlan plan = draw_plan(all, kShape, kKey, {3, sample});
    AugmentationOptions only_flip;
    only_flip.horizontal_flip = true;
    AugmentationOptions only_crop;
    only_crop.crop_padding = 4;
    AugmentationOptions no_affine = all;
    no_affine.rotation_range = no_affine.shear_range = 0;
    no_affine.width_shift_range = no_affine.height_shift_range = 0;
    no_affine.zoom_low = no_affine.zoom_high = 1;

    EXPECT_EQ(draw_plan(only_flip, kShape, kKey, {3, sample}).flip_horizontal, plan.flip_horizontal);
    EXPECT_EQ(draw_plan(only_crop, kShape, kKey, {3, sample}).crop_row, plan.crop_row);
    EXPECT_EQ(draw_plan(only_crop, kShape, kKey, {3, sample}).crop_column, plan.crop_column);
    EXPECT_EQ(draw_plan(no_affine, kShape, kKey, {3, sample}).brightness, plan.brightness);
    EXPECT_EQ(draw_plan(no_affine, kShape, kKey, {3, sample}).channel_shift, plan.channel_shift);
    EXPECT_EQ(draw_plan(no_affine, kShape, kKey, {3, sample}).cutout_row, plan.cutout_row);
  }
}

TEST(AugmentationPlan, FillsTheRangesAndStaysInside) {
  const AugmentationOptions options = everything();
  int flips = 0;
  float lowest = 9, highest = 0;
  int crop_low = 9, crop_high = -9;
  for (std::uint64_t sample = 0; sample < 2000; ++sample) {
    const AugmentationPlan plan = draw_plan(options, kShape, kKey, {0, sample});
    flips += plan.flip_vertical;
    lowest = std::min(lowest, plan.brightness);
    highest = std::max(highest, plan.brightness);
    crop_low = std::min(crop_low, plan.crop_row);
    crop_high = std::max(crop_high, plan.crop_row);
    EXPECT_LE(std::abs(plan.channel_shift), 20);
  }

  EXPECT_NEAR(flips, 1000, 112) << "5 standard deviations of 2000 fair draws";
  EXPECT_GE(lowest, 0.5f);
  EXPECT_LT(lowest, 0.51f);
  EXPECT_LE(highest, 1.5f);
  EXPECT_GT(highest, 1.49f);
  EXPECT_EQ(crop_low, -4);
  EXPECT_EQ(crop_high, 4);
}

TEST(AugmentationPlan, EpochsAndSamplesDiffer) {
  const AugmentationOptions options = everything();
  const auto matrix = draw_plan(options, kShape, kKey, {0, 0}).matrix;

  EXPECT_EQ(draw_plan(options, kShape, kKey, {0, 0}).matrix, matrix);
  EXPECT_NE(draw_plan(options, kShape, kKey, {1, 0}).matrix, matrix);
  EXPECT_NE(draw_plan(options, kShape, kKey, {0, 1}).matrix, matrix);
  EXPECT_NE(draw_plan(options, kShape, kKey, {0, std::uint64_t{1} << 32}).matrix, matrix);
  EXPECT_NE(draw_plan(options, kShape, stream_key(6, Purpose::augment), {0, 0}).matrix, matrix);
}

TEST(AugmentationPlan, WholePixelShiftsFromOneOn) {
  AugmentationOptions options;
  options.width_shift_range = 2;
  std::array<int, 5> seen{};
  for (std::uint64_t sample = 0; sample < 500; ++sample) {
    const AugmentationPlan plan = draw_plan(options, kShape, kKey, {0, sample});
    ASSERT_TRUE(plan.is_whole_shift());
    ASSERT_EQ(plan.matrix[2], 0);
    const int shift = plan.matrix[5] >> 16;
    ++seen.at(static_cast<std::size_t>(2 + std::int64_t{shift}));
  }

  for (const int count : seen) EXPECT_NEAR(count, 100, 45) << "5 standard deviations of 500 draws";
}

/// Shifts along the width that 600 samples draw, in pixels.
std::vector<double> drawn_shifts(const ShiftRange& range) {
  AugmentationOptions options;
  options.width_shift_range = range;
  std::vector<double> shifts;
  for (std::uint64_t sample = 0; sample < 600; ++sample)
    shifts.push_back(draw_plan(options, kShape, kKey, {0, sample}).matrix[5] / 65536.0);
  return shifts;
}

TEST(AugmentationPlan, ContinuousShiftsReachEveryPositionBetween) {
  ShiftRange range = 2.0f;
  range.continuous = true;
  const std::vector<double> shifts = drawn_shifts(range);

  const auto [low, high] = std::minmax_element(shifts.begin(), shifts.end());
  EXPECT_GE(*low, -2);
  EXPECT_LE(*high, 2);
  EXPECT_GT(*high - *low, 3.9);
  const auto whole = std::count_if(shifts.begin(), shifts.end(), [](double s) { return s == std::round(s); });
  EXPECT_LE(whole, 3) << "positions are multiples of 1/65536";
}

TEST(AugmentationPlan, ChosenShiftsHaveARandomSign) {
  ShiftRange range;
  range.choices = {-3, 1.5f};
  range.count = 2;
  std::map<double, int> seen;
  for (const double shift : drawn_shifts(range)) ++seen[shift];

  ASSERT_EQ(seen.size(), 4u);
  for (const double shift : {-3.0, -1.5, 1.5, 3.0})
    EXPECT_NEAR(seen[shift], 150, 53) << shift << ": 5 standard deviations of 600 draws";
}

TEST(AugmentationPlan, ChoicesBelowOneAreFractionsOfTheExtent) {
  ShiftRange range;
  range.choices = {0.25f, -0.5f};
  range.count = 2;
  std::set<double> seen;
  for (const double shift : drawn_shifts(range)) seen.insert(shift);

  EXPECT_EQ(seen, (std::set<double>{-12, -6, 6, 12})) << "of 24 columns";
}

/// What `first` and `second` read from the plans of 4000 samples: how far they go together, in [-1, 1].
template <class First, class Second>
double correlation(const AugmentationOptions& options, const First& first, const Second& second) {
  constexpr int kSamples = 4000;
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
    const AugmentationPlan plan = draw_plan(options, kShape, kKey, {0, sample});
    const auto a = static_cast<double>(first(plan)), b = static_cast<double>(second(plan));
    x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
  }
  const double means = x * y / kSamples;
  return (xy - means) / std::sqrt((xx - x * x / kSamples) * (yy - y * y / kSamples));
}

TEST(AugmentationPlan, RowsAndColumnsAreDrawnApart) {
  constexpr double kFiveDeviations = 0.08;  // of the correlation of 4000 independent pairs
  AugmentationOptions shifts, zooms, flips, crops, cutouts;
  shifts.width_shift_range = shifts.height_shift_range = 0.25f;
  zooms.zoom_low = 0.5f;
  zooms.zoom_high = 1.5f;
  flips.horizontal_flip = flips.vertical_flip = true;
  crops.crop_padding = 4;
  cutouts.cutout_size = 4;
  using Plan = AugmentationPlan;
  const auto matrix = [](std::size_t i) { return [i](const Plan& plan) { return plan.matrix[i]; }; };

  EXPECT_NEAR(correlation(shifts, matrix(2), matrix(5)), 0, kFiveDeviations);
  EXPECT_NEAR(correlation(zooms, matrix(0), matrix(4)), 0, kFiveDeviations);
  EXPECT_NEAR(correlation(
                  flips, [](const Plan& p) { return p.flip_vertical; },
                  [](const Plan& p) { return p.flip_horizontal; }),
              0, kFiveDeviations);
  EXPECT_NEAR(
      correlation(
          crops, [](const Plan& p) { return p.crop_row; }, [](const Plan& p) { return p.crop_column; }),
      0, kFiveDeviations);
  EXPECT_NEAR(
      correlation(
          cutouts, [](const Plan& p) { return p.cutout_row; }, [](const Plan& p) { return p.cutout_column; }),
      0, kFiveDeviations);
}

TEST(AffineMatrix, HasTheSinesOfTheLibrary) {
  const SampleShape shape{3, 3, 1};  // centre at (1, 1)
  for (double degrees = -180; degrees <= 180; degrees += 7.5) {
    const auto matrix = rules::fixed_matrix({.rotation = degrees}, shape);

    const double radians = degrees * std::numbers::pi / 180;
    // One unit in the last place of the fixed-point form.
    EXPECT_NEAR(matrix[0], std::cos(radians) * 65536, 1) << degrees;
    EXPECT_NEAR(matrix[1], -std::sin(radians) * 65536, 1) << degrees;
    EXPECT_NEAR(matrix[2], (1 - std::cos(radians) + std::sin(radians)) * 65536, 1) << degrees;
  }
}

}  // namespace
}  // namespace annulus::io
