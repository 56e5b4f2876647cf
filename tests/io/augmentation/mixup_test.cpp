// Shares of mixtures: their distribution, their arithmetic against the library's, and the mixing of rows.
#include "io/augmentation/mixup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "io/augmentation/mixup_rules.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using testing::Each;
using testing::ElementsAre;

struct BetaCase {
  float alpha = 0;
  double variance = 0;            ///< 1 / (4 (2 alpha + 1))
  std::array<double, 3> below{};  ///< scipy.stats.beta(alpha, alpha).cdf of 0.01, 0.1 and 0.3 (SciPy 1.17.1)
};

/// 40,000 draws: frequencies are off by at most a percent, three deviations of the largest.
TEST(MixupShare, HasTheBetaDistribution) {
  for (const BetaCase& which :
       {BetaCase{0.2f, 0.178571, {0.209778, 0.336689, 0.433204}},
        BetaCase{0.5f, 0.125, {0.063769, 0.204833, 0.369010}}, BetaCase{1.0f, 0.083333, {0.01, 0.1, 0.3}},
        BetaCase{2.0f, 0.05, {0.000298, 0.028, 0.216}}, BetaCase{10.0f, 0.011905, {0, 0.000004, 0.032553}}}) {
    SCOPED_TRACE(which.alpha);
    constexpr int kDraws = 40000;
    double sum = 0, squares = 0;
    std::array<double, 3> below{};
    for (std::uint64_t sample = 0; sample < kDraws; ++sample) {
      const double share = rules::mixup_share(which.alpha, rules::Draws({3, 4}, {2, sample}));
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
      constexpr std::array kPlaces{0.01, 0.1, 0.3};
      for (std::size_t i = 0; i < below.size(); ++i) below[i] += share < kPlaces[i] ? 1.0 / kDraws : 0;
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.01);
    EXPECT_NEAR(squares / kDraws, which.variance, 0.03 * which.variance);
    for (std::size_t i = 0; i < below.size(); ++i) EXPECT_NEAR(below[i], which.below[i], 0.008);
  }
}

TEST(MixupShare, IsWhatTheLibrarysFunctionsGive) {
  for (const double alpha : {0.05, 0.2, 1.0, 7.0, 400.0})
    for (const std::uint32_t u : {0u, 77u, 1u << 20, 0x9E3779B9u, 0xFFFFFFFFu})
      for (const std::uint32_t v : {0u, 1u << 29, 0x55555555u, 0xD2511F53u, 0xFFFFFFFFu}) {
        const double t = 2 * alpha * std::expm1(-std::log((u + 0.5) / 0x1p32) / alpha);
        const double cosine = std::cos(2 * std::numbers::pi * ((v + 0.5) / 0x1p32 - 0.5));
        const double student = std::sqrt(t) * cosine;
        const double expected = std::isinf(t) ? (cosine < 0 ? 0 : 1)
                                              : 0.5 + student / std::sqrt(2 * alpha + student * student) / 2;
        EXPECT_NEAR(rules::symmetric_beta(alpha, u, v), expected, 1e-7) << alpha << " " << u << " " << v;
      }
}

TEST(MixupShare, LiesBetweenZeroAndOneForEveryAlphaAllowed) {
  for (const double alpha : {1e-6, 1e-3, double{kMostMixup}})
    for (const std::uint32_t u : {0u, 1u << 31, 0xFFFFFFFFu})
      for (const std::uint32_t v : {0u, 1u << 30, 1u << 31, 0xFFFFFFFFu}) {
        const double share = rules::symmetric_beta(alpha, u, v);
        EXPECT_TRUE(share >= 0 && share <= 1) << alpha << " " << u << " " << v << ": " << share;
      }
}

class Shares : public testing::Test {
 protected:
  std::vector<float> draw(std::uint64_t epoch, std::vector<std::uint64_t> samples, std::uint64_t seed = 5) {
    const Generator generator(source_.info(), {.mixup = 0.4f}, {}, seed);
    std::vector<float> shares(samples.size());
    generator.draw_shares(epoch, samples, shares);
    return shares;
  }
  test::PatternSource source_{10, {2, 2, 1}};
};

TEST_F(Shares, FollowFromSeedEpochAndSample) {
  const std::vector<float> shares = draw(1, {7, 3, 8});

  EXPECT_EQ(draw(1, {8, 7}), (std::vector{shares[2], shares[0]}));
  EXPECT_NE(draw(2, {7, 3, 8}), shares);
  EXPECT_NE(draw(1, {7, 3, 8}, 6), shares);
}

TEST_F(Shares, OfASampleAloneAreAllItsOwn) { EXPECT_THAT(draw(1, {7}), ElementsAre(1)); }

TEST(MixRows, MixesEachRowWithTheNextAndTheLastWithTheFirst) {
  const std::vector<float> shares{0.75f, 0.5f, 1.0f};
  std::vector<float> rows{4, 8, 0, 16, 2, -6};

  mix_rows(shares, rows, 2, {0, 2});

  EXPECT_THAT(rows, ElementsAre(3, 10, 1, 5, 2, -6));
}

TEST(MixRows, TouchesItsPartAlone) {
  constexpr std::size_t kLength = 2500;  // more than one piece
  std::vector<float> whole(3 * kLength), parts;
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<float>(i * 7919 % 1000);
  parts = whole;
  const std::vector<float> shares{0.1f, 0.7f, 0.3f};

  mix_rows(shares, whole, kLength, {0, kLength});
  for (const RowPart part : {RowPart{1100, kLength}, RowPart{0, 3}, RowPart{3, 1100}})
    mix_rows(shares, parts, kLength, part);

  EXPECT_EQ(parts, whole);
}

TEST(MixRows, LeavesARowAloneAsItIs) {
  std::vector<float> row(5, INFINITY);
  mix_rows(std::vector{1.0f}, row, 5, {0, 5});
  EXPECT_THAT(row, Each(INFINITY));
}

}  // namespace
}  // namespace annulus::io
