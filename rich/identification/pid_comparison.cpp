#include "rich/identification/pid_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::rich {
namespace {

/// The events of the network's tracks; nothing, and a note, when they are not at hand.
std::optional<TrackReference> find_reference(const NamedTracks& network, std::vector<std::string>& notes) {
  const std::string& path = network.events;
  if (!std::filesystem::exists(path)) {
    notes.push_back(fmt::format(
        "The file of the events, {}, is not there: the network alone. --events names it where it is now.",
        path));
    return std::nullopt;
  }
  if (!io::Hdf5File::open(path).exists("tracks/species")) {
    notes.push_back(fmt::format("{} holds images but no events: the network alone.", path));
    return std::nullopt;
  }
  std::optional<TrackReference> reference;
  reference.emplace(path);
  reference->require_match(network);
  if (!reference->prior_is_of_training())
    notes.push_back(
        fmt::format("{} has no training events: shares of the species are those of all its tracks.", path));
  return reference;
}

void correct(NamedTracks& network, const PriorCorrection& prior) {
  std::vector<double> row(network.classes.size());
  for (std::size_t i = 0; i < network.size(); ++i) {
    const auto stored = std::span(network.probabilities).subspan(i * row.size(), row.size());
    std::ranges::copy(stored, row.begin());
    prior.apply(network.classes, row);
    std::ranges::transform(row, stored.begin(), [](double value) { return static_cast<float>(value); });
  }
}

PerSpecies posterior_of(const TrackReference& reference, std::uint64_t track, double momentum,
                        const PerSpecies& factors) {
  PerSpecies prior = reference.prior().at(momentum);
  for (std::size_t k = 0; k < kSpeciesCount; ++k) prior[k] *= factors[k];
  return posterior(reference.dll(track), prior);
}

/// 1 for the species that are classes, else 0.
PerSpecies mask_of(const std::vector<Species>& classes) {
  PerSpecies mask{};
  for (const Species species : classes) mask[index_of(species)] = 1;
  return mask;
}

void add_likelihood(PidComparison& comparison, const PriorCorrection& prior) {
  const NamedTracks& network = comparison.network;
  const TrackReference& reference = *comparison.reference;
  if (!reference.reconstructed()) {
    comparison.notes.push_back(fmt::format(
        "The events are not reconstructed: the network alone. For the likelihood beside it run `annulus rich reconstruct {}`.",
        reference.path()));
    return;
  }
  PerSpecies factors = mask_of(network.classes);
  for (std::size_t k = 0; k < kSpeciesCount; ++k) factors[k] *= prior.factors()[k];
  std::uint64_t unseen = 0;
  for (std::size_t i = 0; i < network.size(); ++i) {
    const std::uint64_t track = network.tracks[i];
    comparison.likelihood.push_back(posterior_of(reference, track, network.momentum[i], factors));
    unseen += reference.seen(track) ? 0 : 1;
  }
  if (unseen > 0)
    comparison.notes.push_back(fmt::format("{} of {} tracks cross neither RICH; they count like all others.",
                                           unseen, network.size()));
}

std::size_t largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

/// The class of the largest likelihood. Equal ones are settled as the reconstruction did, unless its choice
/// is not a class here.
std::size_t best_class(const TrackReference& reference, std::uint64_t track,
                       const std::vector<Species>& classes) {
  const auto found = std::ranges::find(classes, reference.best(track));
  if (found != classes.end()) return static_cast<std::size_t>(found - classes.begin());
  std::vector<double> dll;
  dll.reserve(classes.size());
  for (const Species species : classes) dll.push_back(reference.dll(track)[index_of(species)]);
  return largest(dll);
}

}  // namespace

PidComparison compare(NamedTracks network, const std::string& prior) {
  PidComparison comparison{.network = std::move(network)};
  comparison.reference = find_reference(comparison.network, comparison.notes);
  if (!comparison.reference && prior != "train")
    throw UsageError(
        "--prior {} needs to know the shares of the species in the training, from {}: it holds no events.",
        prior, comparison.network.events);
  const PriorCorrection correction(
      prior, comparison.reference ? comparison.reference->prior().shares() : PerSpecies{});
  correct(comparison.network, correction);
  if (comparison.reference) add_likelihood(comparison, correction);
  return comparison;
}

std::vector<NamedTable> tables_of(const PidComparison& comparison) {
  const NamedTracks& network = comparison.network;
  std::vector<NamedTable> tables{{"network", PidTable(network.classes)}};
  std::vector<double> row(network.classes.size());
  for (std::size_t i = 0; i < network.size(); ++i) {
    std::ranges::copy(network.row(i), row.begin());
    tables[0].table.add(static_cast<std::size_t>(network.labels[i]), row);
  }
  if (comparison.likelihood.empty()) return tables;
  tables.push_back({"likelihood", PidTable(network.classes)});
  tables.push_back({"largest DLL", PidTable(network.classes)});
  for (std::size_t i = 0; i < network.size(); ++i) {
    const auto truth = static_cast<std::size_t>(network.labels[i]);
    for (std::size_t k = 0; k < row.size(); ++k)
      row[k] = comparison.likelihood[i][index_of(network.classes[k])];
    tables[1].table.add(truth, row);
    tables[2].table.add(truth, best_class(*comparison.reference, network.tracks[i], network.classes));
  }
  return tables;
}

}  // namespace annulus::rich
