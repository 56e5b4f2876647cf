// Curves of cuts and separations against what they are by hand and by formula.
#include "rich/identification/pid_curves.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace annulus::rich {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

/// Four kaons, four pions: at 3 a kaon and a pion have the same score.
const Scores kSmall{.signal = {5, 3, 4, 1}, .background = {3, 2, 0, -1}};

TEST(CutCurve, HoldsEveryCutThatMakesADifference) {
  const std::vector<CutPoint> points = cut_curve(kSmall);

  ASSERT_THAT(points, SizeIs(7));
  const std::vector<std::array<double, 3>> expected{
      {5, 0.25, 0}, {4, 0.5, 0}, {3, 0.75, 0.25}, {2, 0.75, 0.5}, {1, 1, 0.5}, {0, 1, 0.75}, {-1, 1, 1}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].cut, expected[i][0]);
    EXPECT_EQ(points[i].efficiency, expected[i][1]);
    EXPECT_EQ(points[i].misidentification, expected[i][2]);
  }
}

TEST(CutCurve, IsThinnedButKeepsItsEnds) {
  Scores scores;
  for (int i = 0; i < 5000; ++i) {
    scores.signal.push_back(i);
    scores.background.push_back(i - 2500.5);
  }

  const std::vector<CutPoint> points = cut_curve(scores, 101);

  EXPECT_LE(points.size(), 202u);  // steps of either share
  EXPECT_GT(points.size(), 90u);
  EXPECT_EQ(points.front().cut, 4999);
  EXPECT_EQ(points.back().efficiency, 1);
  EXPECT_EQ(points.back().misidentification, 1);
}

TEST(CutCurve, NeedsBothKinds) {
  EXPECT_THAT(cut_curve({.signal = {1, 2}, .background = {}}), IsEmpty());
  EXPECT_THAT(cut_curve({.signal = {}, .background = {1}}), IsEmpty());
  EXPECT_FALSE(misidentification_at({.signal = {}, .background = {1}}, 0.9).has_value());
}

TEST(Misidentification, IsInterpolatedBetweenCuts) {
  // Between the cuts at 4 and 3 a pion comes with the third kaon.
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 0.5)->misidentification, 0);
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 0.625)->misidentification, 0.125);
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 0.75)->misidentification, 0.25);
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 1)->misidentification, 0.5);
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 0.1)->misidentification, 0);
  EXPECT_DOUBLE_EQ(misidentification_at(kSmall, 0.75)->error, std::sqrt(0.25 * 0.75 / 4));
}

TEST(Misidentification, OfEqualScoresIsAThrowOfDice) {
  const Scores equal{.signal = {0, 0, 0}, .background = {0, 0}};

  EXPECT_DOUBLE_EQ(misidentification_at(equal, 0.9)->misidentification, 0.9);
}

/// Logarithms of likelihood ratios of two normal distributions n standard deviations apart.
Scores normal_scores(double sigmas, int tracks) {
  std::mt19937_64 generator(5);
  std::normal_distribution<double> normal;
  Scores scores;
  for (int i = 0; i < tracks; ++i) {
    scores.signal.push_back(sigmas * sigmas / 2 + sigmas * normal(generator));
    scores.background.push_back(-sigmas * sigmas / 2 + sigmas * normal(generator));
  }
  return scores;
}

TEST(Misidentification, OfNormalScoresFollowsTheirIntegral) {
  const Scores scores = normal_scores(2, 40000);

  // 90 % of the kaons lie 1.2816 widths below their mean or higher: pions 0.7184 above theirs.
  const double expected = 0.5 * std::erfc((2 - 1.281552) / std::sqrt(2));
  EXPECT_NEAR(misidentification_at(scores, 0.9)->misidentification, expected, 5 * std::sqrt(0.18 / 40000));
}

TEST(SeparationOfScores, IsThatOfNormalOnes) {
  for (const double sigmas : {0.5, 2.0, 7.0}) {
    const auto found = separation(normal_scores(sigmas, 20000));

    ASSERT_TRUE(found.has_value());
    // A median is known to 1.25 sigmas / sqrt(tracks), and enters divided by twice its root.
    EXPECT_NEAR(found->sigmas, sigmas, 5 * 1.25 / std::sqrt(2 * 20000));
    EXPECT_NEAR(found->median_signal, sigmas * sigmas / 2, 5 * 1.25 * sigmas / std::sqrt(20000));
  }
}

TEST(SeparationOfScores, NeedsTenTracksOfEitherKind) {
  const Scores ten = normal_scores(2, 10);
  const Scores nine = normal_scores(2, 9);

  EXPECT_TRUE(separation(ten).has_value());
  EXPECT_FALSE(separation(nine).has_value());
  EXPECT_FALSE(separation({.signal = ten.signal, .background = nine.background}).has_value());
}

TEST(SeparationOfScores, WrongWayRoundIsNone) {
  const Scores scores = normal_scores(3, 100);

  EXPECT_EQ(separation({.signal = scores.background, .background = scores.signal})->sigmas, 0);
}

TEST(MomentumBins, CoverAllMomenta) {
  const std::vector<MomentumBin> bins = curve_bins();

  EXPECT_EQ(bins.front().name(), "all momenta");
  EXPECT_EQ(bins[1].name(), "below 5 GeV/c");
  EXPECT_EQ(bins[3].name(), "9.3 to 17.7 GeV/c");
  EXPECT_EQ(bins.back().name(), "above 35.3 GeV/c");
  for (const double momentum : {0.1, 5.0, 9.29, 9.3, 40.0, 1000.0}) {
    int holding = 0;
    for (std::size_t i = 1; i < bins.size(); ++i) holding += bins[i].holds(momentum) ? 1 : 0;
    EXPECT_EQ(holding, 1) << momentum;
    EXPECT_TRUE(bins[0].holds(momentum));
  }
}

}  // namespace
}  // namespace annulus::rich
