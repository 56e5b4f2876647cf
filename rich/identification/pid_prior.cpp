#include "rich/identification/pid_prior.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "rich/simulation/simulation_options.hpp"

namespace annulus::rich {
namespace {

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void normalise(std::span<double> values) {
  const double sum = sum_of(values);
  if (sum <= 0) return;
  for (double& value : values) value /= sum;
}

PerSpecies shares_named(const std::string& name, const PerSpecies& trained) {
  PerSpecies shares{};
  if (name == "flat") {
    for (std::size_t k = 0; k < kSpeciesCount; ++k) shares[k] = trained[k] > 0 ? 1 : 0;
    normalise(shares);
    return shares;
  }
  const auto mix = enum_of<Mix>(name);
  if (!mix) throw UsageError("'{}' is not a prior. Possible are {}.", name, fmt::join(prior_names(), ", "));
  return shares_of(*mix);
}

}  // namespace

void MomentumPrior::add(Species species, double momentum) {
  const auto bin = static_cast<std::size_t>(std::ranges::upper_bound(kEdges, momentum) - kEdges.begin());
  counts_[bin][index_of(species)] += 1;
}

PerSpecies MomentumPrior::shares() const {
  PerSpecies shares{};
  for (const PerSpecies& bin : counts_)
    for (std::size_t k = 0; k < kSpeciesCount; ++k) shares[k] += bin[k];
  normalise(shares);
  return shares;
}

/// The shares of the bin, with those of all bins as one track more: a species that a bin happens to have none
/// of is unlikely there, not impossible.
PerSpecies MomentumPrior::at(double momentum) const {
  const auto bin = static_cast<std::size_t>(std::ranges::upper_bound(kEdges, momentum) - kEdges.begin());
  PerSpecies shares = this->shares();
  for (std::size_t k = 0; k < kSpeciesCount; ++k) shares[k] += counts_[bin][k];
  normalise(shares);
  return shares;
}

double MomentumPrior::tracks() const {
  double tracks = 0;
  for (const PerSpecies& bin : counts_) tracks += sum_of(bin);
  return tracks;
}

PerSpecies posterior(std::span<const float> log_likelihoods, const PerSpecies& prior) {
  expect_contract(log_likelihoods.size() == kSpeciesCount, "a log-likelihood for every species");
  // Relative to the largest: the exponential of a log-likelihood by itself may be 0 or infinite.
  PerSpecies result{};
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < kSpeciesCount; ++k)
    if (prior[k] > 0) largest = std::max(largest, static_cast<double>(log_likelihoods[k]));
  for (std::size_t k = 0; k < kSpeciesCount; ++k)
    if (prior[k] > 0) result[k] = prior[k] * std::exp(static_cast<double>(log_likelihoods[k]) - largest);
  normalise(result);
  return result;
}

PriorCorrection::PriorCorrection(const std::string& name, const PerSpecies& trained) : name_(name) {
  factors_.fill(1);
  if (name == "train") return;
  // Bayes' rule: a network's output is p(k|x) = p(x|k) p(k) / p(x) with the p(k) of its training. Another
  // prior p' multiplies it by p'(k) / p(k), up to a factor that apply() takes out again.
  const PerSpecies wanted = shares_named(name, trained);
  for (const Species species : kAllSpecies) {
    const std::size_t k = index_of(species);
    if (trained[k] > 0)
      factors_[k] = wanted[k] / trained[k];
    else if (wanted[k] > 0)
      throw UsageError(
          "The prior '{}' has {}s, but the training has none: nothing can be said about them. Use --prior flat, or train on a sample with them.",
          name, name_of(species));
    else
      factors_[k] = 0;
  }
}

void PriorCorrection::apply(std::span<const Species> classes, std::span<double> probabilities) const {
  if (name_ == "train") return;
  std::vector<double> corrected(probabilities.begin(), probabilities.end());
  for (std::size_t k = 0; k < classes.size(); ++k) corrected[k] *= factors_[index_of(classes[k])];
  // All probability on species that the new prior has none of: Bayes' rule says nothing, so they stay.
  if (sum_of(corrected) <= 0) return;
  normalise(corrected);
  std::ranges::copy(corrected, probabilities.begin());
}

std::vector<std::string> prior_names() {
  std::vector<std::string> names{"train", "flat"};
  names.insert(names.end(), enum_words<Mix>().begin(), enum_words<Mix>().end());
  return names;
}

}  // namespace annulus::rich
