// The likelihood of all hypotheses of an event, and its minimisation. It knows nothing of optics: only how
// many photons each hypothesis of each track expects, and how much of them in each pixel that fired.
//
// A pixel i expects nu_i = sum over tracks of a_ij(h_j) + b_i photons and fires with 1 - exp(-nu_i), so that
//   -ln L = sum_j mu_j(h_j) + sum_i b_i - sum over fired pixels of ln(exp(nu_i) - 1)
// with mu_j = sum_i a_ij (LHCb-98-040, section 4; exact, and pixels without hits need not be visited). The
// sum over b_i does not depend on hypotheses and is left out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rich/detector/particle.hpp"

namespace annulus::rich {

using PerSpecies = std::array<double, kSpeciesCount>;

/// What a track expects in one pixel that fired.
struct PixelTerm {
  std::uint32_t pixel = 0;
  std::array<float, kSpeciesCount> expected{};
};

struct LikelihoodProblem {
  struct Track {
    PerSpecies expected{};         ///< mu: photons detected on average
    std::uint32_t first_term = 0;  ///< its terms are [first_term, last_term)
    std::uint32_t last_term = 0;
  };
  std::vector<Track> tracks;
  std::vector<PixelTerm> terms;    ///< of a track, one after another, no pixel twice
  std::vector<double> background;  ///< b of each fired pixel

  std::span<const PixelTerm> terms_of(const Track& track) const {
    return std::span(terms).subspan(track.first_term, track.last_term - track.first_term);
  }
  void clear();
};

/// Smallest nu of a pixel that fired: a hit that nothing explains counts against nobody without end.
inline constexpr double kSmallestExpectation = 1e-7;

/// Hypotheses equal in likelihood (no light from any of them, most often) are ordered by how frequent the
/// species is: pion, kaon, proton, electron, muon, deuteron.
Species likeliest(const PerSpecies& log_likelihoods);

/// Log-likelihoods of a track's hypotheses when everything else is in the background b: one ring, alone.
PerSpecies local_log_likelihoods(const LikelihoodProblem& problem, std::size_t track);

/// The global likelihood at some hypothesis of every track. The problem may change only its background, and
/// `reset_background` must follow.
class GlobalLikelihood {
 public:
  /// @param problem  outlives it   @param start  a hypothesis for every track
  GlobalLikelihood(const LikelihoodProblem& problem, std::vector<Species> start);

  const std::vector<Species>& hypotheses() const { return hypotheses_; }
  /// nu of each pixel that fired.
  const std::vector<double>& expected() const { return expected_; }
  /// ln L of each hypothesis of a track with all others as they are, up to a constant of the track.
  PerSpecies log_likelihoods(std::size_t track) const;
  void set(std::size_t track, Species species);
  /// Recomputes every nu from the problem's background.
  void reset_background();

  /// Gives tracks their best hypothesis, the largest gain first, until no single change gains more than
  /// kSmallestGain. -ln L never rises.
  /// @return what each change gained, in their order
  std::vector<double> minimise();

  static constexpr double kSmallestGain = 1e-3;

 private:
  const LikelihoodProblem& problem_;
  std::vector<Species> hypotheses_;
  std::vector<double> expected_;  ///< nu of each fired pixel
};

}  // namespace annulus::rich
