// The kernels behind max pools against plain loops in double.
#include "trainer/backend/cpu/pooled_kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/random.hpp"
#include "tests/support/pool_windows.hpp"
#include "tests/support/tensor_matchers.hpp"

namespace annulus::trainer::cpu {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  RandomStream random(seed, Purpose::test, 0, 0);
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

/// Gradients of a pooled output of which a share is zero, and a random winner for each.
struct PooledGradient {
  PooledGradient(const PooledShape& shape, float zeros) : values(random_values(shape.pooled_floats(), 3)) {
    RandomStream random(4, Purpose::test, 0, 0);
    for (float& value : values) {
      if (random.unit() < zeros) value = 0;
      winners.push_back(static_cast<std::uint8_t>(random.unit() * 4));
    }
  }
  std::vector<float> values;
  std::vector<std::uint8_t> winners;
};

/// Where an element lies: blocked sources are (C/16, pixels, 16), others (C, pixels).
std::size_t source_place(const PooledShape& shape, int channel, int pixel) {
  const int block = shape.blocked() ? kBlock : 1;
  return static_cast<std::size_t>((channel / block * shape.height * shape.width + pixel) * block +
                                  channel % block);
}
/// (filters, C/16, taps, 16 channels), or (filters/16, taps, C, 16 filters) above a source that is not
/// blocked.
std::size_t kernel_place(const PooledShape& shape, int filter, int tap, int channel) {
  const int place =
      shape.blocked()
          ? ((filter * shape.source_blocks() + channel / kBlock) * 9 + tap) * kBlock + channel % kBlock
          : ((filter / kBlock * 9 + tap) * shape.source_channels + channel) * kBlock + filter % kBlock;
  return static_cast<std::size_t>(place);
}
std::unique_ptr<PooledBackward> make_backward(const PooledShape& shape) {
  return shape.blocked() ? make_blocked_backward(shape) : make_plane_backward(shape);
}

/// The dense algorithm: every gradient that is not zero meets nine taps of every input channel.
struct PlainGradients {
  std::vector<double> kernel, source;

  PlainGradients(const PooledShape& shape, const PooledGradient& pooled, const std::vector<float>& image,
                 const std::vector<float>& weights)
      : kernel(weights.size()), source(image.size()) {
    for (std::size_t i = 0; i < pooled.values.size(); ++i) {
      const int lane = static_cast<int>(i) % kBlock, place = static_cast<int>(i) / kBlock;
      const int pixel = place % shape.pixels(), filter = place / shape.pixels() * kBlock + lane;
      const int row = pixel / shape.pooled_width * 2 + pooled.winners[i] / 2 - shape.padding_top;
      const int column = pixel % shape.pooled_width * 2 + pooled.winners[i] % 2 - shape.padding_left;
      for (int tap = 0; tap < 9; ++tap) {
        const int y = row + tap / 3, x = column + tap % 3;
        if (y < 0 || x < 0 || y >= shape.height || x >= shape.width) continue;
        for (int channel = 0; channel < shape.source_channels; ++channel) {
          const std::size_t s = source_place(shape, channel, y * shape.width + x);
          const std::size_t k = kernel_place(shape, filter, tap, channel);
          kernel[k] += double{pooled.values[i]} * image[s];
          source[s] += double{pooled.values[i]} * weights[k];
        }
      }
    }
  }
};

struct Case {
  const char* name;
  PooledShape shape;
  float zeros;
};
void PrintTo(const Case& which, std::ostream* stream) { *stream << which.name; }

class PooledKernelsTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!has_pooled_kernels()) GTEST_SKIP() << "this processor has no AVX-512";
  }
};

TEST_P(PooledKernelsTest, GradientsAreThoseOfTheDenseAlgorithm) {
  const PooledShape shape = GetParam().shape;
  const PooledGradient pooled(shape, GetParam().zeros);
  const auto image = random_values(shape.source_floats(), 1);
  const auto weights = random_values(shape.kernel_floats(), 2);
  const PlainGradients expected(shape, pooled, image, weights);

  const auto backward = make_backward(shape);
  std::vector<float> scratch(backward->scratch_floats(), kNaN);
  backward->place(scratch.data());
  std::vector<float> kernel(weights.size(), 0.0f), source(image.size(), kNaN);
  for (int sample = 0; sample < 2; ++sample) {  // lists of the sample before must not shine through
    const PooledGradient dense(shape, 0);
    backward->take(sample == 0 ? dense.values.data() : pooled.values.data(),
                   sample == 0 ? dense.winners.data() : pooled.winners.data());
    std::fill(kernel.begin(), kernel.end(), 0.0f);
    backward->add_kernel_gradient(image.data(), kernel.data());
    if (shape.blocked()) backward->source_gradient(weights.data(), source.data());
  }

  // Sums of up to 1300 float products against double: well below 1e-6 of the norm.
  EXPECT_TENSOR_NEAR(std::vector<double>(kernel.begin(), kernel.end()), expected.kernel, 1e-6);
  if (shape.blocked()) {
    EXPECT_TENSOR_NEAR(std::vector<double>(source.begin(), source.end()), expected.source, 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PooledKernelsTest,
                         testing::Values(Case{"valid",
                                              {.height = 10,
                                               .width = 8,
                                               .source_channels = 32,
                                               .target_channels = 64,
                                               .pooled_height = 4,
                                               .pooled_width = 3},
                                              0.1f},
                                         Case{"same",
                                              {.height = 6,
                                               .width = 12,
                                               .padding_top = 1,
                                               .padding_left = 1,
                                               .source_channels = 16,
                                               .target_channels = 16,
                                               .pooled_height = 3,
                                               .pooled_width = 6},
                                              0.5f},
                                         Case{"colours",
                                              {.height = 8,
                                               .width = 12,
                                               .padding_top = 1,
                                               .padding_left = 1,
                                               .source_channels = 3,
                                               .target_channels = 32,
                                               .pooled_height = 4,
                                               .pooled_width = 6},
                                              0.4f},
                                         Case{"grey",
                                              {.height = 8,
                                               .width = 6,
                                               .source_channels = 1,
                                               .target_channels = 16,
                                               .pooled_height = 3,
                                               .pooled_width = 2},
                                              0.4f},
                                         Case{"one sided padding",
                                              {.height = 4,
                                               .width = 4,
                                               .padding_top = 0,
                                               .padding_left = 2,
                                               .source_channels = 16,
                                               .target_channels = 32,
                                               .pooled_height = 2,
                                               .pooled_width = 2},
                                              0.0f},
                                         Case{"dropped row",
                                              {.height = 9,
                                               .width = 8,
                                               .source_channels = 32,
                                               .target_channels = 32,
                                               .pooled_height = 3,
                                               .pooled_width = 3,
                                               .rest_rows = 1},
                                              0.2f},
                                         Case{"dropped row and column of same",
                                              {.height = 7,
                                               .width = 5,
                                               .padding_top = 1,
                                               .padding_left = 1,
                                               .source_channels = 16,
                                               .target_channels = 48,
                                               .pooled_height = 3,
                                               .pooled_width = 2,
                                               .rest_rows = 1,
                                               .rest_columns = 1},
                                              0.2f},
                                         Case{"dropped column of grey",
                                              {.height = 8,
                                               .width = 9,
                                               .source_channels = 1,
                                               .target_channels = 16,
                                               .pooled_height = 3,
                                               .pooled_width = 3,
                                               .rest_columns = 1},
                                              0.4f},
                                         Case{"all zero",
                                              {.height = 6,
                                               .width = 6,
                                               .source_channels = 16,
                                               .target_channels = 16,
                                               .pooled_height = 2,
                                               .pooled_width = 2},
                                              1.0f},
                                         Case{"several bands",
                                              {.height = 34,
                                               .width = 66,
                                               .source_channels = 16,
                                               .target_channels = 16,
                                               .pooled_height = 16,
                                               .pooled_width = 32},
                                              0.3f}),
                         [](const auto& parameter) {
                           std::string name = parameter.param.name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(PoolMaxima, FollowsTheRuleOfMaxPools) {
  if (!has_pooled_kernels()) GTEST_SKIP() << "this processor has no AVX-512";
  const PooledShape shape{
      .source_channels = 16, .target_channels = 16, .pooled_height = 1, .pooled_width = 1};
  const std::vector<test::PoolWindow> windows = test::pool_windows();
  ASSERT_LE(windows.size(), std::size_t{kBlock}) << "one window a channel";
  std::vector<float> source(4 * kBlock, -5.0f);
  for (std::size_t c = 0; c < windows.size(); ++c)
    for (std::size_t i = 0; i < 4; ++i) source[i * kBlock + c] = windows[c].pixels[i];
  std::vector<float> pooled(kBlock);
  std::vector<std::uint8_t> winners(kBlock, 9);

  pool_maxima(shape, source.data(), pooled.data(), winners.data());

  for (std::size_t c = 0; c < windows.size(); ++c) {
    EXPECT_EQ(winners[c], windows[c].winner) << windows[c].name;
    EXPECT_TRUE(test::same_value(pooled[c], windows[c].pixels.at(winners[c]))) << windows[c].name;
  }
}

TEST(PoolMaxima, SkipsAnOddLastRowAndColumn) {
  if (!has_pooled_kernels()) GTEST_SKIP() << "this processor has no AVX-512";
  const PooledShape shape{.source_channels = 16,
                          .target_channels = 32,
                          .pooled_height = 2,
                          .pooled_width = 3,
                          .rest_rows = 1,
                          .rest_columns = 1};
  const std::vector<float> source = random_values(shape.unpooled_floats(), 8);
  std::vector<float> pooled(shape.pooled_floats(), kNaN);
  std::vector<std::uint8_t> winners(pooled.size(), 9);
  ASSERT_EQ(source.size(), 32u * 5 * 7);

  pool_maxima(shape, source.data(), pooled.data(), winners.data());

  for (std::size_t i = 0; i < pooled.size(); ++i) {
    const std::size_t lane = i % kBlock, x = i / kBlock % 3, y = i / kBlock / 3 % 2, block = i / kBlock / 6;
    const auto at = [&](std::size_t tap) {
      return source[((block * 5 + 2 * y + tap / 2) * 7 + 2 * x + tap % 2) * kBlock + lane];
    };
    EXPECT_EQ(pooled[i], std::max({at(0), at(1), at(2), at(3)})) << i;
    EXPECT_EQ(at(winners[i]), pooled[i]) << i;
  }
}

TEST(PooledBackwardTest, ANaNGradientIsNotDropped) {
  if (!has_pooled_kernels()) GTEST_SKIP() << "this processor has no AVX-512";
  const PooledShape shape{.height = 4,
                          .width = 4,
                          .source_channels = 16,
                          .target_channels = 16,
                          .pooled_height = 1,
                          .pooled_width = 1};
  std::vector<float> gradient(kBlock, 0.0f);
  gradient[5] = kNaN;
  const auto backward = make_backward(shape);
  std::vector<float> scratch(backward->scratch_floats());
  backward->place(scratch.data());
  std::vector<float> kernel(16 * 9 * kBlock, 0.0f), weights(kernel.size(), 1.0f),
      image(shape.source_floats(), 1.0f), source(image.size());

  const std::vector<std::uint8_t> winners(kBlock, 3);
  backward->take(gradient.data(), winners.data());
  backward->add_kernel_gradient(image.data(), kernel.data());
  backward->source_gradient(weights.data(), source.data());

  EXPECT_TRUE(std::isnan(kernel[5 * 9 * kBlock]));
  EXPECT_FALSE(std::isnan(kernel[4 * 9 * kBlock]));
  EXPECT_TRUE(std::isnan(source.back()));    // in the last window
  EXPECT_FALSE(std::isnan(source.front()));  // outside of it
}

}  // namespace
}  // namespace annulus::trainer::cpu
