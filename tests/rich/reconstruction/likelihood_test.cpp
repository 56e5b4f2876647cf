// The likelihood against its definition, its calibration on toys, and its minimisation.
#include "rich/reconstruction/likelihood.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "rich/simulation/draws.hpp"

namespace annulus::rich {
namespace {

/// An event of made-up numbers: every track expects something in every pixel.
struct Toy {
  std::size_t pixels = 60;
  std::vector<bool> fired;
  std::vector<std::vector<std::array<float, kSpeciesCount>>> expected;  ///< [track][pixel]
  std::vector<double> background;
};

Toy make_toy(std::size_t tracks, std::uint64_t seed) {
  Draws draws(seed, Draws::Part::noise, 0);
  Toy toy;
  for (std::size_t i = 0; i < toy.pixels; ++i) {
    toy.fired.push_back(draws.chance(0.4));
    toy.background.push_back(draws.uniform(0.001, 0.1));
  }
  toy.expected.resize(tracks, std::vector<std::array<float, kSpeciesCount>>(toy.pixels));
  for (auto& track : toy.expected)
    for (auto& pixel : track)
      for (float& value : pixel) value = static_cast<float>(draws.chance(0.5) ? draws.uniform(0, 0.8) : 0);
  return toy;
}

LikelihoodProblem problem_of(const Toy& toy, const std::vector<std::size_t>& order) {
  LikelihoodProblem problem;
  std::vector<std::uint32_t> number_of(toy.pixels);
  for (std::size_t i = 0; i < toy.pixels; ++i)
    if (toy.fired[i]) {
      number_of[i] = static_cast<std::uint32_t>(problem.background.size());
      problem.background.push_back(toy.background[i]);
    }
  for (const std::size_t j : order) {
    LikelihoodProblem::Track track{.first_term = static_cast<std::uint32_t>(problem.terms.size())};
    for (std::size_t i = 0; i < toy.pixels; ++i) {
      for (std::size_t h = 0; h < kSpeciesCount; ++h)
        track.expected[h] += static_cast<double>(toy.expected[j][i][h]);
      if (toy.fired[i]) problem.terms.push_back({number_of[i], toy.expected[j][i]});
    }
    track.last_term = static_cast<std::uint32_t>(problem.terms.size());
    problem.tracks.push_back(track);
  }
  return problem;
}

std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  return order;
}

/// -ln L without the sum over the background, from what the likelihood keeps.
double minus_log(const LikelihoodProblem& problem, const GlobalLikelihood& likelihood) {
  double sum = 0;
  for (std::size_t j = 0; j < problem.tracks.size(); ++j)
    sum += problem.tracks[j].expected[index_of(likelihood.hypotheses()[j])];
  for (const double nu : likelihood.expected())
    sum -= std::log(std::expm1(std::max(nu, kSmallestExpectation)));
  return sum;
}

/// The definition, pixel by pixel, whether it fired or not.
double dense_minus_log(const Toy& toy, const std::vector<Species>& hypotheses) {
  double sum = 0;
  for (std::size_t i = 0; i < toy.pixels; ++i) {
    double nu = toy.background[i];
    for (std::size_t j = 0; j < hypotheses.size(); ++j)
      nu += static_cast<double>(toy.expected[j][i][index_of(hypotheses[j])]);
    sum -= toy.fired[i] ? std::log(-std::expm1(-nu)) : -nu;
  }
  return sum;
}

TEST(GlobalLikelihood, SparseSumEqualsTheDefinitionOverAllPixels) {
  const Toy toy = make_toy(5, 1);
  const LikelihoodProblem problem = problem_of(toy, in_order(5));
  double all_background = 0;
  for (const double b : toy.background) all_background += b;

  GlobalLikelihood likelihood(problem, std::vector<Species>(5, Species::pion));
  for (const Species species : kAllSpecies) {
    likelihood.set(2, species);
    likelihood.set(4, Species::kaon);
    const double dense = dense_minus_log(toy, likelihood.hypotheses());

    EXPECT_NEAR((minus_log(problem, likelihood) + all_background) / dense, 1, 1e-12)
        << "acceptance number A16";
  }
}

TEST(GlobalLikelihood, LogLikelihoodsOfATrackAreDifferencesOfTheSum) {
  const Toy toy = make_toy(4, 2);
  const LikelihoodProblem problem = problem_of(toy, in_order(4));
  GlobalLikelihood likelihood(problem, {Species::kaon, Species::pion, Species::proton, Species::muon});

  const PerSpecies values = likelihood.log_likelihoods(1);
  const double pion = minus_log(problem, likelihood);
  for (const Species species : kAllSpecies) {
    likelihood.set(1, species);

    // The series in place of the exponential is right to 3e-9 for each of some 25 pixels below 1 photon.
    EXPECT_NEAR(values[index_of(species)] - values[index_of(Species::pion)],
                pion - minus_log(problem, likelihood), 1e-7)
        << name_of(species);
  }
}

TEST(GlobalLikelihood, MinimisingNeverRaisesItAndEndsWhereNoSingleChangeHelps) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const LikelihoodProblem problem = problem_of(make_toy(8, seed), in_order(8));
    GlobalLikelihood likelihood(problem, std::vector<Species>(8, Species::pion));
    const double before = minus_log(problem, likelihood);

    const std::vector<double> gains = likelihood.minimise();

    EXPECT_THAT(gains, testing::Each(testing::Gt(0.0))) << "acceptance number A25, seed " << seed;
    double gained = 0;
    for (const double gain : gains) gained += gain;
    EXPECT_NEAR(before - minus_log(problem, likelihood), gained, 1e-6);
    const double end = minus_log(problem, likelihood);
    for (std::size_t j = 0; j < 8; ++j) {
      const Species kept = likelihood.hypotheses()[j];
      for (const Species species : kAllSpecies) {
        likelihood.set(j, species);
        EXPECT_GT(minus_log(problem, likelihood), end - GlobalLikelihood::kSmallestGain - 1e-6) << j;
      }
      likelihood.set(j, kept);
    }
  }
}

TEST(GlobalLikelihood, TheLargestGainComesFirst) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const LikelihoodProblem problem = problem_of(make_toy(8, seed), in_order(8));
    GlobalLikelihood likelihood(problem, std::vector<Species>(8, Species::pion));
    double largest = 0;
    for (std::size_t j = 0; j < 8; ++j) {
      const PerSpecies values = likelihood.log_likelihoods(j);
      largest = std::max(largest, *std::ranges::max_element(values) - values[index_of(Species::pion)]);
    }

    const std::vector<double> gains = likelihood.minimise();

    ASSERT_FALSE(gains.empty());
    EXPECT_NEAR(gains.front(), largest, 1e-6) << "seed " << seed;
  }
}

TEST(GlobalLikelihood, NoTracksAndNoHitsAreAnEventToo) {
  const LikelihoodProblem empty;
  GlobalLikelihood nothing(empty, {});
  EXPECT_THAT(nothing.minimise(), testing::IsEmpty());
  EXPECT_EQ(minus_log(empty, nothing), 0);

  LikelihoodProblem dark;
  dark.tracks.push_back({.expected = {10, 9, 8, 0, 0, 0}});
  GlobalLikelihood likelihood(dark, {Species::pion});
  likelihood.minimise();
  EXPECT_EQ(likelihood.hypotheses()[0], Species::kaon) << "missing light speaks; the frequent one wins";
}

TEST(Likeliest, BreaksTiesByFrequencyNotByOrder) {
  EXPECT_EQ(likeliest({0, 0, 0, 0, 0, 0}), Species::pion);
  EXPECT_EQ(likeliest({-5, -5, -5, 1, 1, 1}), Species::kaon);
  EXPECT_EQ(likeliest({-5, -5, -5, 0, 1, 1}), Species::proton);
  EXPECT_EQ(likeliest({1, 1, 0, 0, 0, 0}), Species::electron);
  EXPECT_EQ(likeliest({0, 0, 0, 0, 0, 0.1}), Species::deuteron);
}

/// One ring between two hypotheses at theta = +-separation/2, in units of the photon resolution.
struct Ring {
  double photons = 60;
  double separation = 1;
  double background = 1e-4;  ///< hits per unit of theta
};

constexpr double kRange = 8;  ///< hits are looked at within +-kRange
/// Photons are rare in units this small, so the binary likelihood is that of a density.
constexpr double kUnit = 1e-6;

double density(double theta, double centre) {
  return std::exp(-0.5 * (theta - centre) * (theta - centre)) / std::sqrt(2 * std::numbers::pi);
}

/// ln L(kaon) - ln L(pion) of a ring that a particle of either kind makes.
double toy_dll(const Ring& ring, Species truth, Draws& draws) {
  const std::array<double, 2> centres{-ring.separation / 2, ring.separation / 2};  // pion, kaon
  LikelihoodProblem problem;
  LikelihoodProblem::Track track;
  track.expected[index_of(Species::pion)] = track.expected[index_of(Species::kaon)] = ring.photons;
  const auto add = [&](double theta) {
    PixelTerm term{.pixel = static_cast<std::uint32_t>(problem.terms.size())};
    for (const auto& [species, centre] : {std::pair(Species::pion, centres[0]), {Species::kaon, centres[1]}})
      term.expected[index_of(species)] = static_cast<float>(kUnit * ring.photons * density(theta, centre));
    problem.terms.push_back(term);
    problem.background.push_back(std::max(kUnit * ring.background, kSmallestExpectation * 1e-3));
  };
  const double centre = centres[truth == Species::kaon ? 1 : 0];
  for (std::uint32_t i = draws.poisson(ring.photons); i > 0; --i) add(centre + draws.normal());
  for (std::uint32_t i = draws.poisson(ring.background * 2 * kRange); i > 0; --i)
    add(draws.uniform(-kRange, kRange));
  track.last_term = static_cast<std::uint32_t>(problem.terms.size());
  problem.tracks = {track};
  const PerSpecies values = local_log_likelihoods(problem, 0);
  return values[index_of(Species::kaon)] - values[index_of(Species::pion)];
}

TEST(LocalLikelihood, MeanOfWellSeparatedRingsIsHalfTheSquareOfTheirSeparation) {
  constexpr double kSigmas = 7;
  const Ring ring{.photons = 60, .separation = kSigmas / std::sqrt(60.0), .background = 1e-4};
  Draws draws(1, Draws::Part::noise, 0);
  double kaons = 0;
  double pions = 0;

  constexpr int kToys = 2000;
  for (int i = 0; i < kToys; ++i) {
    kaons += toy_dll(ring, Species::kaon, draws) / kToys;
    pions += toy_dll(ring, Species::pion, draws) / kToys;
  }

  // Acceptance number A18: 24.5 +- 6 %; the toys' own error is 7/sqrt(2000) = 0.16.
  EXPECT_NEAR(kaons, 24.5, 1.5);
  EXPECT_NEAR(pions, -24.5, 1.5);
}

/// Slope of ln(P/(1-P)) against the DLL: maximum likelihood by Newton steps, one parameter.
double logistic_slope(const std::vector<std::pair<double, bool>>& toys) {
  double slope = 0.5;
  for (int step = 0; step < 50; ++step) {
    double gradient = 0;
    double curvature = 0;
    for (const auto& [dll, is_kaon] : toys) {
      const double p = 1 / (1 + std::exp(-slope * dll));
      gradient += dll * ((is_kaon ? 1 : 0) - p);
      curvature += dll * dll * p * (1 - p);
    }
    slope += gradient / curvature;
  }
  return slope;
}

TEST(LocalLikelihood, DllIsTheLogarithmOfTheOdds) {
  for (const double background : {0.01, 1.0, 10.0})
    for (const double sigmas : {1.0, 2.0}) {
      const Ring ring{.photons = 40, .separation = sigmas / std::sqrt(40.0), .background = background};
      Draws draws(2, Draws::Part::noise, static_cast<std::uint64_t>(100 * background + sigmas));
      std::vector<std::pair<double, bool>> toys;

      for (int i = 0; i < 20000; ++i) {
        const bool is_kaon = i % 2 == 0;
        toys.emplace_back(toy_dll(ring, is_kaon ? Species::kaon : Species::pion, draws), is_kaon);
      }

      // Acceptance number A17; 20000 toys leave 0.02.
      EXPECT_NEAR(logistic_slope(toys), 1.0, 0.05) << "background " << background << ", " << sigmas;
    }
}

}  // namespace
}  // namespace annulus::rich
