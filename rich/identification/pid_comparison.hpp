// Network and likelihood on the same tracks, both under the same prior: what tables and curves are made of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rich/identification/named_tracks.hpp"
#include "rich/identification/pid_text.hpp"

namespace annulus::rich {

struct PidComparison {
  NamedTracks network;                      ///< its probabilities are under the wanted prior
  std::optional<TrackReference> reference;  ///< of the file of events, where it is at hand
  /// The likelihood's probabilities, one row per track of `network`: DLL and the shares of the species at the
  /// track's momentum by Bayes' rule, under the wanted prior, among the classes of `network`. Empty where the
  /// events were not reconstructed.
  std::vector<PerSpecies> likelihood;
  std::vector<std::string> notes;  ///< what a reader of the figures must know, a sentence each
};

/// Finds the likelihood's results for a network's tracks, in `network.events`. Where that file is gone, or
/// its events are not reconstructed, the network is alone, and a note says what to do.
/// @param prior  see PriorCorrection
/// @throws DataError when the predictions are not of the file's tracks, UsageError for a prior that cannot be
PidComparison compare(NamedTracks network, const std::string& prior);

/// Counts the network, the likelihood's most probable species ("likelihood"), and the hypothesis of the
/// largest likelihood without regard to how frequent species are ("largest DLL").
std::vector<NamedTable> tables_of(const PidComparison& comparison);

}  // namespace annulus::rich
