// Affine resampling against scipy.ndimage and against cases done by hand; moves by whole pixels.
#include "io/augmentation/resample.hpp"

#include <gtest/gtest.h>

#include "io/augmentation/rules.hpp"
#include "tests/io/augmentation/affine_reference.hpp"

namespace annulus::io {
namespace {

std::vector<float> with_slack(std::span<const std::uint8_t> values) {
  std::vector<float> image(values.begin(), values.end());
  image.resize(image.size() + kImageSlack);
  return image;
}

std::vector<float> resampled(const std::vector<float>& image, const AffineMove& move) {
  std::vector<float> output(image.size());
  resample(image.data(), move, output.data());
  output.resize(output.size() - kImageSlack);
  return output;
}

TEST(Resample, AgreesWithScipy) {
  // Neighbours differ by at most 90 in this image, positions are off by at most 1/512 pixel on each axis, and
  // the stored values are rounded to 0.01.
  constexpr float kTolerance = 2 * 90.0f / 512 + 0.01f;
  const auto image = with_slack(reference::kImage);
  for (std::size_t k = 0; k < reference::kCases.size(); ++k) {
    const auto& expected = reference::kCases[k];

    const auto output = resampled(image, {reference::kShape,
                                          reference::kShape,
                                          rules::fixed_matrix(expected.parameters, reference::kShape),
                                          {expected.mode, reference::kConstant}});

    for (std::size_t i = 0; i < output.size(); ++i)
      ASSERT_NEAR(output[i], expected.result[i], kTolerance) << "case " << k << ", value " << i;
  }
}

TEST(Resample, IdentityKeepsEveryBit) {
  const auto image = with_slack(reference::kImage);

  const auto output = resampled(
      image, {reference::kShape, reference::kShape, rules::fixed_matrix({}, reference::kShape), {}});

  EXPECT_TRUE(std::equal(output.begin(), output.end(), image.begin()));
}

TEST(Resample, HalfAPixelIsTheMeanOfNeighbours) {
  const std::array<std::uint8_t, 4> row{10, 20, 40, 80};
  const SampleShape shape{1, 4, 1};
  const auto image = with_slack(row);
  const auto moved = [&](FillMode mode) {
    return resampled(image, {shape, shape, rules::fixed_matrix({.shift_columns = 0.5}, shape), {mode, 7}});
  };

  EXPECT_EQ(moved(FillMode::nearest), (std::vector<float>{15, 30, 60, 80}));
  EXPECT_EQ(moved(FillMode::reflect), (std::vector<float>{15, 30, 60, 80}));
  EXPECT_EQ(moved(FillMode::wrap), (std::vector<float>{15, 30, 60, 45}));
  EXPECT_EQ(moved(FillMode::constant), (std::vector<float>{15, 30, 60, 7}));
}

TEST(Resample, QuarterTurnMovesPixels) {
  const std::array<std::uint8_t, 4> square{1, 2, 3, 4};
  const SampleShape shape{2, 2, 1};

  const auto output =
      resampled(with_slack(square), {shape, shape, rules::fixed_matrix({.rotation = 90}, shape), {}});

  // source row = 1 - column, source column = row
  EXPECT_EQ(output, (std::vector<float>{3, 1, 4, 2}));
}

TEST(Resample, TreatsAnyNumberOfChannelsAlike) {
  for (const std::int64_t channels : {1, 2, 3, 4, 5, 9}) {
    const SampleShape shape{5, 6, channels};
    std::vector<float> image(static_cast<std::size_t>(shape.size()) + kImageSlack);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>((i * 37) % 101);
    const auto matrix = rules::fixed_matrix({.rotation = 25, .shift_rows = 0.7, .zoom_columns = 1.2}, shape);
    const auto output = resampled(image, {shape, shape, matrix, {FillMode::reflect, 0}});

    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const SampleShape plane_shape{5, 6, 1};
      std::vector<float> plane(30 + kImageSlack);
      for (std::size_t i = 0; i < 30; ++i)
        plane[i] = image[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(channel)];
      const auto expected = resampled(plane, {plane_shape, plane_shape, matrix, {FillMode::reflect, 0}});
      for (std::size_t i = 0; i < 30; ++i)
        ASSERT_EQ(output[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(channel)],
                  expected[i])
            << channels << " channels";
    }
  }
}

TEST(ExtendedIndex, FollowsTheFillModes) {
  const auto line = [](FillMode mode) {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = -5; i < 9; ++i) indices.push_back(extended_index(i, 4, mode));
    return indices;
  };
  using Indices = std::vector<std::int64_t>;

  EXPECT_EQ(line(FillMode::nearest), (Indices{0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3}));
  EXPECT_EQ(line(FillMode::reflect), (Indices{3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0}));
  EXPECT_EQ(line(FillMode::wrap), (Indices{3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0}));
  EXPECT_EQ(line(FillMode::constant), (Indices{-1, -1, -1, -1, -1, 0, 1, 2, 3, -1, -1, -1, -1, -1}));
}

TEST(MovePixels, FollowsAnyMap) {
  for (const std::size_t channels : {1u, 2u, 3u, 7u}) {
    const std::vector<PixelMove> moves{{{0, 1, 2}, {0, 1, 2, 3}},    {{2, 1, 0}, {3, 2, 1, 0}},
                                       {{-1, 0, 1}, {-1, -1, 0, 1}}, {{1, 2, -1}, {2, 3, -1, -1}},
                                       {{0, 0, 1}, {1, 0, 0, 1}},    {{1, 1, 1}, {-1, -1, -1, -1}}};
    std::vector<float> image(12 * channels + kImageSlack);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i);
    for (PixelMove move : moves) {
      move.channels = channels;
      move.source_width = 4;
      move.constant = -5;
      std::vector<float> output(image.size());

      move_pixels(image.data(), move, output.data());

      for (std::size_t i = 0; i < 12 * channels; ++i) {
        const std::int64_t row = move.rows[i / channels / 4];
        const std::int64_t column = move.columns[i / channels % 4];
        const float expected =
            row < 0 || column < 0
                ? -5
                : image[static_cast<std::size_t>(row * 4 + column) * channels + i % channels];
        ASSERT_EQ(output[i], expected) << channels << " channels, value " << i;
      }
    }
  }
}

}  // namespace
}  // namespace annulus::io
