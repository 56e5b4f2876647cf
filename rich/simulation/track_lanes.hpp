// Which track of which event is sample number n of an endless training: arithmetic on event numbers, so that
// any rank can go on at any step.
//
// A step of B samples is cut into V shards of B/V. Sample n is in step n / B and there in shard
// (n mod B) / (B/V), its *lane*. Lane l takes the tracks of the events l, l + V, l + 2 V, ... one after
// another. Whoever computes a shard simulates the events of its lane alone. Neighbours would be of one event
// and share their hits; so runs of events are shuffled track by track. Such a run is a *window*.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {

struct LaneOptions {
  std::int64_t batch = 1;   ///< B
  std::int64_t shards = 1;  ///< V; divides B
};

/// Events of one lane that are shuffled together.
struct LaneWindow {
  std::uint64_t lane = 0;
  std::uint64_t number = 0;  ///< counted from 0 in the lane
  bool operator==(const LaneWindow&) const = default;
};

/// Where a sample is: row of a window whose tracks lie in the order of events.
struct TrackPlace {
  LaneWindow window;
  std::uint64_t row = 0;
};

class TrackLanes {
 public:
  /// @param simulation  outlives it; events of it have tracks
  TrackLanes(const Simulation& simulation, const LaneOptions& options);

  /// Counts the tracks of events as far as needed, once: half a microsecond an event.
  TrackPlace place(std::uint64_t sample);
  /// @pre place() has come as far
  std::uint64_t tracks(const LaneWindow& window) const;

  std::uint64_t events_per_window() const { return window_events_; }
  /// Number of an event of a window. @param index  below events_per_window()
  std::uint64_t event(const LaneWindow& window, std::uint64_t index) const;

 private:
  void extend(std::uint64_t lane);

  const Simulation& simulation_;
  std::uint64_t batch_;
  std::uint64_t shards_;
  std::uint64_t window_events_;
  /// Of each lane: number of tracks before each window, as far as counted. Lanes that nobody asks for stay
  /// empty.
  std::vector<std::vector<std::uint64_t>> starts_;
};

}  // namespace annulus::rich
