// What a user must not ask for, and what the message says; statistics of a training set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "io/augmentation/normalisation.hpp"
#include "tests/support/measured_features.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using test::PatternSource;
using testing::AllOf;
using testing::HasSubstr;

const SampleShape kShape{32, 24, 3};

std::string refusal(const AugmentationOptions& options, const SampleShape& shape = kShape) {
  try {
    check(options, shape);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal(const Normalisation& normalisation) {
  try {
    check(normalisation, kShape);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(AugmentationCheck, AcceptsTheDefaultsAndUsualRanges) {
  AugmentationOptions usual;
  usual.rotation_range = 15;
  usual.width_shift_range = 0.1f;
  usual.height_shift_range = 4;
  usual.zoom_low = 0.9f;
  usual.zoom_high = 1.1f;
  usual.crop_padding = 4;

  EXPECT_EQ(refusal(AugmentationOptions{}), "accepted");
  EXPECT_EQ(refusal(usual), "accepted");
}

TEST(AugmentationCheck, NamesKeyAndValue) {
  AugmentationOptions options;
  options.rotation_range = 200;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("augmentation.rotation_range"), HasSubstr("200")));
  options = {};
  options.rotation_range = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.rotation_range is nan"));
  options = {};
  options.width_shift_range = 2.5f;
  EXPECT_THAT(refusal(options),
              AllOf(HasSubstr("augmentation.width_shift_range"), HasSubstr("whole pixels")));
  options = {};
  options.width_shift_range.continuous = true;
  EXPECT_EQ(refusal(options), "accepted");
  options = {};
  options.width_shift_range.choices = {3, -40};
  options.width_shift_range.count = 2;
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.width_shift_range may choose -40"));
  options.width_shift_range.count = 1;
  EXPECT_EQ(refusal(options), "accepted");
  options = {};
  options.height_shift_range = 33;
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.height_shift_range"));
  options = {};
  options.zoom_low = 1.2f;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("augmentation.zoom_range"), HasSubstr("[1.2, 1]")));
  options = {};
  options.zoom_low = 0;
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.zoom_range"));
  options = {};
  options.brightness_low = -1;
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.brightness_range"));
  options = {};
  options.crop_padding = 25;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("augmentation.crop_padding"), HasSubstr("24")));
  options = {};
  options.cutout_size = -1;
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.cutout_size"));
  options = {};
  options.constant_value = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(options), HasSubstr("augmentation.constant_value"));
}

TEST(AugmentationCheck, RefusesPositionsThatDoNotFitTheirNumbers) {
  AugmentationOptions options;
  options.zoom_high = 4;

  EXPECT_EQ(refusal(options, {1000, 1000, 3}), "accepted");
  EXPECT_THAT(refusal(options, {4000, 4000, 3}), HasSubstr("augmentation.zoom_range"));
}

TEST(NormalisationCheck, NamesWhatDoesNotFit) {
  using Kind = Normalisation::Kind;
  EXPECT_EQ(refusal(Normalisation{}), "accepted");
  EXPECT_EQ(refusal({.kind = Kind::given, .rescale = 1, .mean = {0, 0, 0}, .deviation = {1, 1, 1}}),
            "accepted");
  EXPECT_THAT(refusal({.kind = Kind::given, .rescale = 1, .mean = {0}, .deviation = {1, 1, 1}}),
              AllOf(HasSubstr("1 values"), HasSubstr("3 channels")));
  EXPECT_THAT(refusal({.kind = Kind::given, .rescale = 1, .mean = {0, 0, 0}, .deviation = {1, 0, 1}}),
              HasSubstr("channel 1"));
  EXPECT_THAT(refusal({.rescale = 0, .mean = {}, .deviation = {}}), HasSubstr("normalisation.rescale is 0"));
}

/// Mean and deviation of a channel, done the plain way.
std::pair<double, double> plain_moments(PatternSource& source, std::size_t channel) {
  std::vector<double> values;
  const auto size = static_cast<std::size_t>(source.info().shape.size());
  const auto channels = static_cast<std::size_t>(source.info().shape.channels);
  for (std::uint64_t sample = 0; sample < source.info().samples; ++sample)
    for (std::size_t i = channel; i < size; i += channels) values.push_back(PatternSource::pixel(sample, i));
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double variance = 0;
  for (const double value : values)
    variance += (value - mean) * (value - mean) / static_cast<double>(values.size());
  return {mean, std::sqrt(variance)};
}

TEST(MeasureFeatures, FindsMeanAndDeviationOfEveryChannel) {
  for (const PixelType pixels : {PixelType::uint8, PixelType::float32}) {
    PatternSource source(900, {20, 21, 3}, pixels);  // more than one block

    const Normalisation measured = test::measured_features(source, 0.5f);

    ASSERT_EQ(measured.kind, Normalisation::Kind::per_feature);
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const auto [mean, deviation] = plain_moments(source, channel);
      // Rounding to float: 6e-8 of the value.
      EXPECT_NEAR(measured.mean[channel], 0.5 * mean, 1e-5);
      EXPECT_NEAR(measured.deviation[channel], 0.5 * deviation, 1e-5);
    }
  }
}

TEST(MeasureFeatures, PiecesDoNotChangeTheBits) {
  for (const PixelType pixels : {PixelType::uint8, PixelType::float32}) {
    PatternSource source(2000, {20, 21, 3}, pixels);  // 3 blocks of bytes, 10 of floats
    const Normalisation whole = test::measured_features(source, 0.3f);

    FeatureMeasurement measurement(source);
    int pieces = 1;
    while (measurement.read(1)) ++pieces;

    EXPECT_EQ(pieces, pixels == PixelType::uint8 ? 3 : 10);
    EXPECT_EQ(measurement.result(0.3f), whole);
  }
}

TEST(MeasureFeatures, HasNoResultBeforeTheEnd) {
  PatternSource source(2000, {20, 21, 3});
  FeatureMeasurement measurement(source);
  ASSERT_TRUE(measurement.read(1));

  EXPECT_THROW(measurement.result(1), std::logic_error);
}

TEST(MeasureFeatures, CentresButDoesNotScaleAConstantChannel) {
  PatternSource source(1, {1, 1, 1});

  const Normalisation measured = test::measured_features(source, 1);

  EXPECT_EQ(measured.mean[0], PatternSource::pixel(0, 0));
  EXPECT_EQ(measured.deviation[0], 1);
}

TEST(MeasureFeatures, RefusesWhatHasNoMean) {
  class WithNan final : public SampleSource {
   public:
    const SourceInfo& info() const override { return origin_.info(); }
    std::span<const std::int32_t> all_labels() const override { return {}; }
    std::span<const float> all_weights() const override { return {}; }
    void check_unchanged() const override {}
    void expect_rows(const std::shared_ptr<const RowSet>&) override {}
    ReadCounts read_counts() const override { return {}; }
    void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
      origin_.read(samples, buffers);
      const float nan = std::numeric_limits<float>::quiet_NaN();
      std::memcpy(buffers.pixels.data() + (3 * 4 + 1) * sizeof nan, &nan, sizeof nan);
    }

   private:
    PatternSource origin_{8, {2, 2, 1}, PixelType::float32};
  } broken;
  PatternSource empty(0, {2, 2, 1});

  try {
    test::measured_features(broken, 1);
    FAIL() << "accepted a pixel that is not a number";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("pattern"), HasSubstr("sample 3"), HasSubstr("nan")));
  }
  EXPECT_THROW(test::measured_features(empty, 1), DataError);
}

}  // namespace
}  // namespace annulus::io
