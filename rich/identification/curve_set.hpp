// The curves of several methods on the same tracks: kaons against pions, heavy against light, separation
// against momentum. Pictures of them are in rich/identification/curve_pictures.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rich/identification/pid_comparison.hpp"
#include "rich/identification/pid_curves.hpp"

namespace annulus::rich {

/// What the likelihood is called among the methods.
inline constexpr const char* kLikelihoodName = "likelihood";

/// How sure a method is of each track, in the order of the tracks.
struct MethodScores {
  std::string name;
  /// ln of the ratio of kaon to pion: of probabilities (network), or of likelihoods (DLL, no prior).
  std::vector<double> kaon_pion;
  /// ln of the ratio of heavy (K, p, d) to light (e, mu, pi), of probabilities; the likelihood's with its
  /// prior, for which several hypotheses have to be added up.
  std::vector<double> heavy_light;
};

/// One method's curve in one bin of momentum.
struct BinCurve {
  std::string method;
  MomentumBin bin;
  std::uint64_t kaons = 0;  ///< the signal
  std::uint64_t pions = 0;  ///< the background
  std::vector<CutPoint> points;
  std::optional<WorkingPoint> at_90;  ///< pions that remain where 90 % of the kaons do
};

struct SeparationPoint {
  std::string method;
  MomentumBin bin;
  std::uint64_t kaons = 0;
  std::uint64_t pions = 0;
  Separation separation;
};

struct CurveSet {
  std::vector<std::string> methods;
  std::vector<BinCurve> kaon_pion;    ///< bins of the first method, then of the next
  std::vector<BinCurve> heavy_light;  ///< true kaons and pions by being heavy
  std::vector<SeparationPoint> separations;
  std::vector<std::string> notes;
};

/// Scores of the network, and of the likelihood where a comparison has it.
/// @param name  of the network
/// @throws DataError when kaon or pion is not a class
std::vector<MethodScores> scores_of(const PidComparison& comparison, const std::string& name);

/// @param comparisons  of different networks on the same tracks, at least one; `names` of them
/// @throws UsageError when the tracks differ
CurveSet curves_of(const std::vector<PidComparison>& comparisons, const std::vector<std::string>& names);

}  // namespace annulus::rich
