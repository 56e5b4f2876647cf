// How frequent species are, and what that makes of a likelihood or of a network's probabilities: Bayes' rule.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "rich/reconstruction/likelihood.hpp"

namespace annulus::rich {

/// Shares of the species among tracks, in bins of the measured momentum.
class MomentumPrior {
 public:
  /// Upper edges of the bins but the last, GeV/c. Some are thresholds of RICH1 and RICH2.
  static constexpr std::array<double, 9> kEdges{3, 5, 7, 9.3, 13, 17.7, 25, 35.3, 60};

  void add(Species species, double momentum);
  /// Over all momenta; they add up to 1, or are all 0 before any track came.
  PerSpecies shares() const;
  /// Of the bin of a momentum. One track more is shared out as over all momenta, so that a bin with few
  /// tracks excludes nothing that exists elsewhere.
  PerSpecies at(double momentum) const;
  double tracks() const;

 private:
  std::array<PerSpecies, kEdges.size() + 1> counts_{};
};

/// Probability of each species: exp(log_likelihood) prior, normalised. All 0 when the prior is.
/// @param log_likelihoods  up to a common constant
PerSpecies posterior(std::span<const float> log_likelihoods, const PerSpecies& prior);

/// Factors that turn probabilities under one prior into those under another: new share over old share.
class PriorCorrection {
 public:
  /// @param name  `train` (no correction), `flat` (equal shares of the species that the training has), or a
  ///              species mix of the simulation
  /// @param trained  shares in the training
  /// @throws UsageError for an unknown name, or when the training lacks a species of the mix
  PriorCorrection(const std::string& name, const PerSpecies& trained);

  const std::string& name() const { return name_; }
  const PerSpecies& factors() const { return factors_; }
  /// p'(c) = p(c) factor(c), normalised. @param classes  what the probabilities are of
  void apply(std::span<const Species> classes, std::span<double> probabilities) const;

 private:
  std::string name_;
  PerSpecies factors_{};
};

/// What PriorCorrection understands.
std::vector<std::string> prior_names();

}  // namespace annulus::rich
