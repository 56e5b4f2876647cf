// Training samples from simulated events: a source that never ends, and fixed sets from events of their own
// for validation and test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/node_memory.hpp"
#include "base/shape.hpp"
#include "io/dataset/sample_source.hpp"
#include "rich/events/event.hpp"
#include "rich/images/corona.hpp"
#include "rich/simulation/simulation_options.hpp"
#include "rich/simulation/track_lanes.hpp"

namespace annulus::rich {

/// What samples look like, and where they come from.
struct GeneratorOptions {
  SimulationOptions simulation;
  CoronaOptions image;
  /// Vectors that come with every image: the track features, under names of the caller's choice.
  std::vector<std::string> features;
  int threads = 1;  ///< that simulate, at least 1
};

/// An endless source (SourceInfo::endless): sample n is the same whatever rank reads it and whatever was read
/// before. It simulates ahead in the order of shards that were read: no more than two windows (TrackLanes) of
/// a lane are in memory.
/// @param epoch  samples of an epoch, a multiple of lanes.batch
/// @throws UsageError when the options give no tracks
std::unique_ptr<io::SampleSource> make_endless_source(const GeneratorOptions& options,
                                                      const LaneOptions& lanes, std::uint64_t epoch);

/// The first `samples` tracks of events that the endless source never comes to, other ones for each split;
/// made now. Collective over the ranks of a host.
/// @pre split is not train
std::unique_ptr<io::SampleSource> make_generated_set(const GeneratorOptions& options, Split split,
                                                     std::uint64_t samples, const NodeMemoryFactory& memory);

}  // namespace annulus::rich
