// How far a method keeps two kinds of tracks apart, whatever cut one chooses: efficiency against
// misidentification, and the separation in standard deviations.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace annulus::rich {

/// Scores of tracks, higher for what is looked for. No NaN.
struct Scores {
  std::vector<double> signal;      ///< of the tracks that are it
  std::vector<double> background;  ///< of those that are taken for it by mistake
};

/// What a cut keeps.
struct CutPoint {
  double cut = 0;                ///< tracks with this score or a higher one are kept
  double efficiency = 0;         ///< share of the signal
  double misidentification = 0;  ///< share of the background
};

/// The points of all cuts that make a difference, from the tightest to keeping everything; at most `most`,
/// evenly over the efficiency, first and last among them. Empty without signal or background.
std::vector<CutPoint> cut_curve(const Scores& scores, std::size_t most = 400);

/// Share of the background that remains where a share of the signal does, between neighbouring cuts by a
/// straight line (tracks of the same score are kept or dropped at random).
struct WorkingPoint {
  double misidentification = 0;
  double error = 0;  ///< binomial, of the background alone
};
/// @param efficiency  in (0, 1]   @return nothing without signal or background
std::optional<WorkingPoint> misidentification_at(const Scores& scores, double efficiency);

/// Separation of two kinds of tracks by a logarithm of a ratio of likelihoods: were it normally distributed
/// with equal widths, its means would lie at +n^2/2 and -n^2/2 for a separation of n standard deviations.
/// Medians take the part of the means: n = sqrt(median(signal) - median(background)), 0 where that is
/// negative.
struct Separation {
  double median_signal = 0;
  double median_background = 0;
  double sigmas = 0;
};
/// @return nothing with fewer than kFewest tracks of either kind
std::optional<Separation> separation(const Scores& scores);
inline constexpr std::size_t kFewest = 10;

/// [low, high) of the measured momentum, GeV/c.
struct MomentumBin {
  double low = 0;
  double high = 0;

  bool holds(double momentum) const { return momentum >= low && momentum < high; }
  /// "9.3 to 17.7 GeV/c"; "all momenta" for the bin of everything.
  std::string name() const;
};

/// Everything first, then between the thresholds of RICH1's kaons, protons and deuterons.
std::vector<MomentumBin> curve_bins();
/// Finer, for separations.
std::vector<MomentumBin> separation_bins();

}  // namespace annulus::rich
