#include "rich/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Sums ln(exp(nu) - 1) over pixels for all hypotheses at once. ln(exp(nu) - 1) = ln nu + nu/2 + nu^2/24 -
/// nu^4/2880 + nu^6/181440 - nu^8/9676800 + ..., right to 3e-9 up to kSeriesLimit; the logarithm is taken of
/// products of several nu, which do not underflow: none is below 1e-7.
class LogSums {
 public:
  void add(const PerSpecies& expected) {
    double largest = 0;
    for (std::size_t h = 0; h < kSpeciesCount; ++h) largest = std::max(largest, expected[h]);
    if (largest > kSeriesLimit) {
      for (std::size_t h = 0; h < kSpeciesCount; ++h) sums_[h] += std::log(std::expm1(expected[h]));
      return;
    }
    for (std::size_t h = 0; h < kSpeciesCount; ++h) {
      const double nu = expected[h];
      const double nu2 = nu * nu;
      products_[h] *= nu;
      sums_[h] +=
          0.5 * nu + nu2 * (1.0 / 24 - nu2 * (1.0 / 2880 - nu2 * (1.0 / 181440 - nu2 * (1.0 / 9676800))));
    }
    if (++factors_ == kFactors) take_logarithms();
  }
  PerSpecies result() {
    take_logarithms();
    return sums_;
  }

 private:
  static constexpr double kSeriesLimit = 1;
  static constexpr int kFactors = 32;

  void take_logarithms() {
    for (std::size_t h = 0; h < kSpeciesCount; ++h) {
      sums_[h] += std::log(products_[h]);
      products_[h] = 1;
    }
    factors_ = 0;
  }

  PerSpecies products_{1, 1, 1, 1, 1, 1};
  PerSpecies sums_{};
  int factors_ = 0;
};

double log_of_fired(double expected) {
  return std::log(std::expm1(std::max(expected, kSmallestExpectation)));
}

}  // namespace

void LikelihoodProblem::clear() {
  tracks.clear();
  terms.clear();
  background.clear();
}

Species likeliest(const PerSpecies& log_likelihoods) {
  constexpr std::array<Species, kSpeciesCount> kByFrequency{
      Species::pion, Species::kaon, Species::proton, Species::electron, Species::muon, Species::deuteron};
  // Equal hypotheses differ by the rounding of their sums.
  constexpr double kTie = 1e-9;
  Species best = kByFrequency.front();
  for (const Species species : kByFrequency)
    if (log_likelihoods[index_of(species)] > log_likelihoods[index_of(best)] + kTie) best = species;
  return best;
}

PerSpecies local_log_likelihoods(const LikelihoodProblem& problem, std::size_t track) {
  const LikelihoodProblem::Track& terms = problem.tracks[track];
  LogSums sums;
  for (const PixelTerm& term : problem.terms_of(terms)) {
    const double rest = std::max(problem.background[term.pixel], kSmallestExpectation);
    PerSpecies expected;
    for (std::size_t h = 0; h < kSpeciesCount; ++h) expected[h] = rest + term.expected[h];
    sums.add(expected);
  }
  PerSpecies result = sums.result();
  for (std::size_t h = 0; h < kSpeciesCount; ++h) result[h] -= terms.expected[h];
  return result;
}

GlobalLikelihood::GlobalLikelihood(const LikelihoodProblem& problem, std::vector<Species> start)
    : problem_(problem), hypotheses_(std::move(start)) {
  expect_contract(hypotheses_.size() == problem.tracks.size(), "every track starts with a hypothesis");
  reset_background();
}

void GlobalLikelihood::reset_background() {
  expected_ = problem_.background;
  for (std::size_t j = 0; j < hypotheses_.size(); ++j)
    for (const PixelTerm& term : problem_.terms_of(problem_.tracks[j]))
      expected_[term.pixel] += term.expected[index_of(hypotheses_[j])];
}

double GlobalLikelihood::minus_log() const {
  double sum = 0;
  for (std::size_t j = 0; j < hypotheses_.size(); ++j)
    sum += problem_.tracks[j].expected[index_of(hypotheses_[j])];
  for (const double expected : expected_) sum -= log_of_fired(expected);
  return sum;
}

PerSpecies GlobalLikelihood::log_likelihoods(std::size_t track) const {
  const LikelihoodProblem::Track& terms = problem_.tracks[track];
  const std::size_t now = index_of(hypotheses_[track]);
  LogSums sums;
  for (const PixelTerm& term : problem_.terms_of(terms)) {
    const double rest = expected_[term.pixel] - term.expected[now];
    PerSpecies expected;
    for (std::size_t h = 0; h < kSpeciesCount; ++h)
      expected[h] = std::max(rest + term.expected[h], kSmallestExpectation);
    sums.add(expected);
  }
  PerSpecies result = sums.result();
  for (std::size_t h = 0; h < kSpeciesCount; ++h) result[h] -= terms.expected[h];
  return result;
}

void GlobalLikelihood::set(std::size_t track, Species species) {
  const std::size_t before = index_of(hypotheses_[track]);
  for (const PixelTerm& term : problem_.terms_of(problem_.tracks[track]))
    expected_[term.pixel] +=
        static_cast<double>(term.expected[index_of(species)]) - static_cast<double>(term.expected[before]);
  hypotheses_[track] = species;
}

std::vector<double> GlobalLikelihood::minimise() {
  struct Change {
    std::size_t track;
    double gain;
  };
  const auto gain_of = [this](std::size_t track, Species& best) {
    const PerSpecies values = log_likelihoods(track);
    best = likeliest(values);
    return values[index_of(best)] - values[index_of(hypotheses_[track])];
  };
  // Every change gains at least kSmallestGain, so this ends; the limit guards against rounding.
  constexpr int kMostPasses = 100;
  std::vector<double> gains;
  std::vector<Change> wanted;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    wanted.clear();
    for (std::size_t j = 0; j < hypotheses_.size(); ++j) {
      Species best = Species::pion;
      const double gain = gain_of(j, best);
      if (gain > kSmallestGain) wanted.push_back({j, gain});
    }
    if (wanted.empty()) break;
    std::ranges::stable_sort(wanted, [](const Change& a, const Change& b) { return a.gain > b.gain; });
    for (const Change& change : wanted) {
      Species best = Species::pion;
      const double gain = gain_of(change.track, best);
      if (gain <= kSmallestGain) continue;  // an earlier change took its photons
      set(change.track, best);
      gains.push_back(gain);
    }
  }
  return gains;
}

}  // namespace annulus::rich
