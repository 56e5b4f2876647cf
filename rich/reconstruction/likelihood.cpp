#include "rich/reconstruction/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Sums ln(exp(nu) - 1) over pixels for all hypotheses at once: eight lanes, two of them idle, so that every
/// operation is one on vectors. ln(exp(nu) - 1) = ln nu + nu/2 + ln(sinh(x)/x) with x = nu/2; the last term
/// is a polynomial in x^2, and the logarithm is taken of products of several nu, which do not underflow: none
/// is below 1e-7.
class LogSums {
 public:
  /// @param rest  what is expected of everything else
  void add(double rest, const std::array<float, kSpeciesCount>& expected) {
    rest_[pixels_] = rest;
    for (std::size_t h = 0; h < kSpeciesCount; ++h) expected_[pixels_][h] = expected[h];
    if (++pixels_ == kBlock) sum_block();
  }
  PerSpecies result() {
    sum_block();
    return sums_;
  }

 private:
  /// One number per hypothesis, and two idle ones: a vector of the compiler's, which splits it where the
  /// processor has shorter ones.
  using Lanes [[gnu::vector_size(64)]] = double;
  using Floats [[gnu::vector_size(32)]] = float;
  /// Factors of a product. The smallest product is (1e-7)^32 = 1e-224, far above 2e-308; a large one is of
  /// no interest, as exact_sum takes over from nu = 4 on.
  static constexpr std::size_t kBlock = 32;

  void sum_block() {
    Lanes products = Lanes{} + 1.0;
    Lanes series{};
    Lanes largest{};
    for (std::size_t i = 0; i < pixels_; ++i) {
      const Lanes sum = __builtin_convertvector(expected_[i], Lanes) + rest_[i];
      const Lanes nu = sum > kSmallestExpectation ? sum : Lanes{} + kSmallestExpectation;
      largest = nu > largest ? nu : largest;
      products *= nu;
      // ln(sinh(x)/x) of y = x^2, by Remez' exchange, right to 8e-10 up to kSeriesLimit.
      const Lanes y = 0.25 * nu * nu;
      Lanes ratio = 4.6076044134538415e-09 * y - 1.26807498989188e-07;
      ratio = ratio * y + 1.984001917551734e-06;
      ratio = ratio * y - 2.6198339880778933e-05;
      ratio = ratio * y + 0.00035249820227928027;
      ratio = ratio * y - 0.0055554516761570066;
      ratio = ratio * y + 0.16666665105901485;
      series += 0.5 * nu + y * ratio;
    }
    for (std::size_t h = 0; h < kSpeciesCount; ++h)
      sums_[h] += largest[h] > kSeriesLimit ? exact_sum(h) : std::log(products[h]) + series[h];
    pixels_ = 0;
  }
  double exact_sum(std::size_t species) const {
    double sum = 0;
    for (std::size_t i = 0; i < pixels_; ++i) {
      const double nu = rest_[i] + static_cast<double>(expected_[i][species]);
      sum += std::log(std::expm1(std::max(nu, kSmallestExpectation)));
    }
    return sum;
  }

  /// Of nu; more in one pixel is rare even in the fullest events.
  static constexpr double kSeriesLimit = 4;

  std::array<double, kBlock> rest_{};
  std::array<Floats, kBlock> expected_{};
  std::size_t pixels_ = 0;
  PerSpecies sums_{};
};

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
  for (const PixelTerm& term : problem.terms_of(terms))
    sums.add(std::max(problem.background[term.pixel], kSmallestExpectation), term.expected);
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

/// Only the track's own pixels are visited: elsewhere nu does not depend on its hypothesis, and the sum over
/// pixels without hits is in mu already. That makes a change cheap: a track has terms only where it may have
/// lit, few of the hits of an event.
PerSpecies GlobalLikelihood::log_likelihoods(std::size_t track) const {
  const LikelihoodProblem::Track& terms = problem_.tracks[track];
  const std::size_t now = index_of(hypotheses_[track]);
  LogSums sums;
  // What the others and the background expect: all, less this track's present share. Where there is nothing
  // else the difference may round to just below zero; LogSums lifts it to kSmallestExpectation.
  for (const PixelTerm& term : problem_.terms_of(terms))
    sums.add(expected_[term.pixel] - static_cast<double>(term.expected[now]), term.expected);
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

/// Descent by single changes. All tracks of an event cannot be tried together (6^tracks hypotheses), and one
/// after another in the order of the file would let the first tracks take the photons of their neighbours. So
/// a pass first asks every track what its best change would gain, all others being as they are:
///
///     two tracks whose rings overlap, both pions now:   A -> kaon gains 8,   B -> kaon gains 3
///     largest first: A becomes a kaon and takes the photons that both rings could explain
///     B is asked again:                                 B -> kaon gains -2:  left as it is
///
/// Asking again before each change keeps the descent honest: with the gains of the start of the pass the two
/// changes together could raise -ln L. A pass without a wanted change is a local minimum, which is what is
/// promised; the start (each track's best hypothesis alone, Reconstruction::minimise) decides which one.
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
    // Stable: of equal gains the earlier track comes first, on every machine.
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
