// The vectorised mask against the definition in its header, one scalar philox() call at a time.
#include "trainer/backend/planning/keyed_dropout.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <vector>

#include "base/random.hpp"

namespace annulus::trainer {
namespace {

bool kept_by_definition(const DropoutKey& key, float rate, std::uint32_t element) {
  const Counter counter{element / 4, static_cast<std::uint32_t>(key.layer + ((key.sample >> 32) << 16)),
                        static_cast<std::uint32_t>(key.sample), static_cast<std::uint32_t>(key.epoch)};
  return philox(stream_key(key.seed, Purpose::dropout), counter)[element % 4] >= dropout_threshold(rate);
}

std::vector<float> factors_of(const DropoutKey& key, float rate, std::size_t count) {
  std::vector<float> factors(count);
  dropout_factors(key, rate, factors);
  return factors;
}

class KeyedDropout : public testing::TestWithParam<std::size_t> {};

TEST_P(KeyedDropout, MasksFollowTheirDefinition) {
  const std::size_t count = GetParam();
  const DropoutKey key{.seed = 0x123456789abcdefull, .epoch = 7, .sample = 0x54321fedcba9ull, .layer = 260};
  const float rate = 0.375f;

  const std::vector<float> factors = factors_of(key, rate, count);

  for (std::uint32_t e = 0; e < count; ++e) {
    const bool kept = kept_by_definition(key, rate, e);
    ASSERT_EQ(factors[e], kept ? 1.6f : 0.0f) << "element " << e;
  }
}

// Around the group of 32 that is computed together, and the lecture's dropout layers.
INSTANTIATE_TEST_SUITE_P(Sizes, KeyedDropout, testing::Values(1, 3, 31, 32, 33, 63, 65, 128, 1000, 12544));

TEST(KeyedDropoutKey, EveryPartChangesTheMask) {
  const DropoutKey key{.seed = 1, .epoch = 2, .sample = 3, .layer = 4};
  const std::vector<float> mask = factors_of(key, 0.5f, 256);

  EXPECT_NE(mask, factors_of({.seed = 2, .epoch = 2, .sample = 3, .layer = 4}, 0.5f, 256));
  EXPECT_NE(mask, factors_of({.seed = 1, .epoch = 3, .sample = 3, .layer = 4}, 0.5f, 256));
  EXPECT_NE(mask, factors_of({.seed = 1, .epoch = 2, .sample = 4, .layer = 4}, 0.5f, 256));
  EXPECT_NE(mask, factors_of({.seed = 1, .epoch = 2, .sample = 3 + (1ull << 32), .layer = 4}, 0.5f, 256));
  EXPECT_NE(mask, factors_of({.seed = 1, .epoch = 2, .sample = 3 + (1ull << 62), .layer = 4}, 0.5f, 256));
  EXPECT_NE(mask, factors_of({.seed = 1, .epoch = 2, .sample = 3, .layer = 5}, 0.5f, 256));
  EXPECT_EQ(mask, factors_of(key, 0.5f, 256));
}

TEST(KeyedDropoutKey, RejectsPartsThatWouldCollide) {
  std::vector<float> factors(8);

  EXPECT_THROW(dropout_factors({.layer = 1 << 16}, 0.5f, factors), std::logic_error);
  EXPECT_THROW(dropout_factors({.layer = -1}, 0.5f, factors), std::logic_error);
  EXPECT_THROW(dropout_factors({.epoch = 1ull << 32}, 0.5f, factors), std::logic_error);
}

TEST(KeyedDropoutRate, KeepsTheMeanAndDropsTheShare) {
  const float rate = 0.25f;
  const std::vector<float> factors = factors_of({.seed = 11, .sample = 5}, rate, 100000);

  const double mean = std::accumulate(factors.begin(), factors.end(), 0.0) / factors.size();

  // A factor has variance rate / (1 - rate) = 1/3: the mean of 1e5 has sigma 0.0018; five of them.
  EXPECT_NEAR(mean, 1.0, 0.009);
}

TEST(KeyedDropoutRate, ThresholdRoundsAndStaysBelowTheWordSize) {
  EXPECT_EQ(dropout_threshold(0.0f), 0u);
  EXPECT_EQ(dropout_threshold(0.5f), 0x80000000u);
  EXPECT_EQ(dropout_threshold(0.99999994f), 0xffffff00u);
  EXPECT_THROW(dropout_threshold(1.0f), std::logic_error);
  EXPECT_THROW(dropout_threshold(-0.1f), std::logic_error);
  EXPECT_FLOAT_EQ(dropout_scale(0.2f), 1.25f);
  EXPECT_EQ(factors_of({}, 0.0f, 40), std::vector<float>(40, 1.0f));
}

}  // namespace
}  // namespace annulus::trainer
