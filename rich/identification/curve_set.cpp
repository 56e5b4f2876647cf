#include "rich/identification/curve_set.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <functional>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Scores are differences of logarithms; a probability of 0 is the smallest float rather than minus infinity.
double log_of(double probability) { return std::log(std::max(probability, static_cast<double>(FLT_MIN))); }

/// ln of heavy over light. @param of  probability of a species
double heavy_light(const std::function<double(Species)>& of, const std::vector<Species>& classes) {
  double heavy = 0;
  double light = 0;
  for (const Species species : classes)
    (group_of(species) == MassGroup::heavy ? heavy : light) += of(species);
  return log_of(heavy) - log_of(light);
}

std::size_t class_of(const NamedTracks& network, Species species) {
  const auto found = std::ranges::find(network.classes, species);
  if (found == network.classes.end())
    throw DataError("{}: has no class '{}', without which there are no curves of kaons and pions.",
                    network.source, name_of(species));
  return static_cast<std::size_t>(found - network.classes.begin());
}

MethodScores network_scores(const NamedTracks& network, const std::string& name) {
  const std::size_t kaon = class_of(network, Species::kaon);
  const std::size_t pion = class_of(network, Species::pion);
  MethodScores scores{.name = name};
  for (std::size_t i = 0; i < network.size(); ++i) {
    const auto row = network.row(i);
    scores.kaon_pion.push_back(log_of(static_cast<double>(row[kaon])) -
                               log_of(static_cast<double>(row[pion])));
    scores.heavy_light.push_back(
        heavy_light([&](Species species) { return static_cast<double>(row[class_of(network, species)]); },
                    network.classes));
  }
  return scores;
}

MethodScores likelihood_scores(const PidComparison& comparison) {
  const NamedTracks& network = comparison.network;
  MethodScores scores{.name = kLikelihoodName};
  for (std::size_t i = 0; i < network.size(); ++i) {
    const auto dll = comparison.reference->dll(network.tracks[i]);
    scores.kaon_pion.push_back(static_cast<double>(dll[index_of(Species::kaon)]) -
                               static_cast<double>(dll[index_of(Species::pion)]));
    scores.heavy_light.push_back(heavy_light(
        [&](Species species) { return comparison.likelihood[i][index_of(species)]; }, network.classes));
  }
  return scores;
}

/// Scores of the kaons and pions of a bin.
Scores select(const NamedTracks& network, const std::vector<double>& values, const MomentumBin& bin) {
  Scores scores;
  for (std::size_t i = 0; i < network.size(); ++i) {
    if (!bin.holds(static_cast<double>(network.momentum[i]))) continue;
    const Species truth = network.classes[static_cast<std::size_t>(network.labels[i])];
    if (truth == Species::kaon) scores.signal.push_back(values[i]);
    if (truth == Species::pion) scores.background.push_back(values[i]);
  }
  return scores;
}

BinCurve curve_in(const std::string& method, const MomentumBin& bin, const Scores& scores) {
  return {.method = method,
          .bin = bin,
          .kaons = scores.signal.size(),
          .pions = scores.background.size(),
          .points = cut_curve(scores),
          .at_90 = misidentification_at(scores, 0.9)};
}

void add_method(const MethodScores& method, const NamedTracks& network, CurveSet& set) {
  set.methods.push_back(method.name);
  for (const MomentumBin& bin : curve_bins()) {
    set.kaon_pion.push_back(curve_in(method.name, bin, select(network, method.kaon_pion, bin)));
    set.heavy_light.push_back(curve_in(method.name, bin, select(network, method.heavy_light, bin)));
  }
  for (const MomentumBin& bin : separation_bins()) {
    const Scores scores = select(network, method.kaon_pion, bin);
    const auto found = separation(scores);
    if (found)
      set.separations.push_back({method.name, bin, scores.signal.size(), scores.background.size(), *found});
  }
}

}  // namespace

std::vector<MethodScores> scores_of(const PidComparison& comparison, const std::string& name) {
  std::vector<MethodScores> scores{network_scores(comparison.network, name)};
  if (!comparison.likelihood.empty()) scores.push_back(likelihood_scores(comparison));
  return scores;
}

CurveSet curves_of(const std::vector<PidComparison>& comparisons, const std::vector<std::string>& names) {
  expect_contract(!comparisons.empty() && comparisons.size() == names.size(), "a name for every network");
  const PidComparison& first = comparisons.front();
  CurveSet set{.notes = first.notes};
  std::vector<MethodScores> last;
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    const NamedTracks& network = comparisons[i].network;
    if (network.tracks != first.network.tracks || network.momentum != first.network.momentum)
      throw UsageError(
          "{} and {} name different tracks, so their curves cannot be compared. Predict the same split of the same file with both.",
          first.network.source, network.source);
    const std::vector<MethodScores> scores = scores_of(comparisons[i], names[i]);
    add_method(scores.front(), network, set);
    // The likelihood is the same for all; it comes last.
    if (i == 0) last.assign(scores.begin() + 1, scores.end());
  }
  for (const MethodScores& method : last) add_method(method, first.network, set);
  return set;
}

}  // namespace annulus::rich
