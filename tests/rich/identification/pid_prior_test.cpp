// Priors by momentum, Bayes' rule, and the change from one prior to another.
#include "rich/identification/pid_prior.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

using testing::AllOf;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kPion = index_of(Species::pion);
constexpr std::size_t kKaon = index_of(Species::kaon);

TEST(MomentumPrior, CountsSharesInBinsOfMomentum) {
  MomentumPrior prior;
  for (int i = 0; i < 30; ++i) prior.add(Species::pion, 2.5);
  for (int i = 0; i < 10; ++i) prior.add(Species::kaon, 20);

  const PerSpecies all = prior.shares();
  const PerSpecies low = prior.at(2.9);
  const PerSpecies empty = prior.at(80);

  EXPECT_DOUBLE_EQ(all[kPion], 0.75);
  EXPECT_DOUBLE_EQ(all[kKaon], 0.25);
  EXPECT_DOUBLE_EQ(low[kPion], 30.75 / 31);  // one track more, shared out as over all momenta
  EXPECT_DOUBLE_EQ(low[kKaon], 0.25 / 31);
  EXPECT_EQ(empty, all);
  EXPECT_EQ(low[index_of(Species::deuteron)], 0);
}

TEST(MomentumPrior, EdgesBelongToTheBinAbove) {
  MomentumPrior prior;
  prior.add(Species::pion, 3);

  EXPECT_EQ(prior.at(3.0)[kPion], 1);
  prior.add(Species::kaon, std::nextafter(3.0, 0.0));
  EXPECT_DOUBLE_EQ(prior.at(3.0)[kPion], 1.5 / 2);
  EXPECT_DOUBLE_EQ(prior.at(2.99)[kPion], 0.5 / 2);
  EXPECT_EQ(prior.tracks(), 2);
}

TEST(Posterior, IsBayesRule) {
  const std::vector<float> dll{-1000, 1, 0, 3, 3, 500};
  const PerSpecies prior{0.1, 0.1, 0.6, 0.1, 0.1, 0};

  const PerSpecies result = posterior(dll, prior);

  const double sum = 0.1 * std::exp(1) + 0.6 + 0.2 * std::exp(3);
  EXPECT_THAT(result, ElementsAre(0, DoubleNear(0.1 * std::exp(1) / sum, 1e-12), DoubleNear(0.6 / sum, 1e-12),
                                  DoubleNear(0.1 * std::exp(3) / sum, 1e-12),
                                  DoubleNear(0.1 * std::exp(3) / sum, 1e-12), 0));
}

TEST(Posterior, HoldsForLikelihoodsBeyondTheRangeOfExponentials) {
  const std::vector<float> dll{-3000, -3000, 0, 2000, 2001, 0};

  const PerSpecies result = posterior(dll, {0.2, 0.2, 0.2, 0.2, 0.2, 0});

  EXPECT_NEAR(result[index_of(Species::proton)], 1 / (1 + std::exp(-1)), 1e-12);
}

TEST(PriorCorrection, TurnsOnePriorIntoAnother) {
  const PerSpecies trained{0, 0, 0.8, 0.2, 0, 0};
  const std::vector<Species> classes{Species::kaon, Species::pion};
  std::vector<double> flat{0.2, 0.8};
  std::vector<double> train{0.2, 0.8};

  PriorCorrection("flat", trained).apply(classes, flat);
  PriorCorrection("train", trained).apply(classes, train);

  EXPECT_THAT(flat, ElementsAre(DoubleNear(0.5, 1e-12), DoubleNear(0.5, 1e-12)));
  EXPECT_THAT(train, ElementsAre(0.2, 0.8));
}

TEST(PriorCorrection, TakesTheSharesOfAMix) {
  const PerSpecies trained{0.2, 0.2, 0.2, 0.2, 0.1, 0.1};

  const PriorCorrection correction("minbias", trained);

  EXPECT_DOUBLE_EQ(correction.factors()[kPion], 0.765 / 0.2);
  EXPECT_DOUBLE_EQ(correction.factors()[index_of(Species::deuteron)], 0);
}

TEST(PriorCorrection, LeavesRowsThatTheNewPriorExcludes) {
  const std::vector<Species> classes{Species::pion, Species::deuteron};
  std::vector<double> row{0, 1};

  PriorCorrection("minbias", {0.2, 0.2, 0.2, 0.2, 0.1, 0.1}).apply(classes, row);

  EXPECT_THAT(row, ElementsAre(0, 1));
}

TEST(PriorCorrection, RefusesWhatTheTrainingHasNot) {
  const PerSpecies without_deuterons{0.2, 0.2, 0.2, 0.2, 0.2, 0};
  try {
    PriorCorrection("balanced", without_deuterons);
    FAIL() << "accepted a mix with deuterons";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("deuteron"), HasSubstr("--prior flat")));
  }
  try {
    PriorCorrection("lectures", without_deuterons);
    FAIL() << "accepted an unknown name";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("'lectures'"), HasSubstr("train, flat, lecture, minbias, balanced")));
  }
}

}  // namespace
}  // namespace annulus::rich
