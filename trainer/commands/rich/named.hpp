// Tracks that a network names, from a run or from a file of predictions: what tables and curves begin with.
#pragma once

#include <string>
#include <vector>

#include "rich/identification/named_tracks.hpp"
#include "trainer/commands/common/context.hpp"

namespace annulus::trainer {

/// Words on the command line that say which tracks, named by whom.
struct NamedSource {
  std::string source;                  ///< run directory, config (with `checkpoint`), or file of predictions
  std::vector<std::string> overrides;  ///< key=value; of a run
  std::string checkpoint;              ///< of a run; empty: its best, else its latest
  std::vector<std::string> allow_change;  ///< of a run, see ModelRequest
  std::string split;                      ///< of a run; empty: `test`
  std::string events;                     ///< file of events; empty: the one with the images
  std::string prior = "train";            ///< see rich::PriorCorrection
};

/// Adds the words of a NamedSource to a verb.
void add_named_source(Verb& verb, NamedSource& source);
/// Only its options: --checkpoint, --allow-change, --split, --events and --prior.
void add_named_options(Verb& verb, NamedSource& source);

/// Evaluates a run's model (all ranks share the work) or reads a file of predictions (rank 0 alone).
/// Collective.
/// @return on rank 0, checked; empty on the others
/// @throws UsageError, DataError on all ranks
rich::NamedTracks load_named_tracks(const NamedSource& source, Context& context);

}  // namespace annulus::trainer
