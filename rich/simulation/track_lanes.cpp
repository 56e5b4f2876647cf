#include "rich/simulation/track_lanes.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

/// Events shuffled together: few of a shard's samples are of the same one, and a window of 30 tracks per
/// event and two RICHes takes 2 MB.
constexpr double kWindowEvents = 32;
/// A window feeds a lane for at least so many steps.
constexpr double kWindowSteps = 4;

std::uint64_t window_events(const Simulation& simulation, const LaneOptions& options) {
  const double shard = static_cast<double>(options.batch) / static_cast<double>(options.shards);
  const double needed = kWindowSteps * shard / simulation.options().tracks;
  return static_cast<std::uint64_t>(std::max(kWindowEvents, std::ceil(needed)));
}

}  // namespace

TrackLanes::TrackLanes(const Simulation& simulation, const LaneOptions& options)
    : simulation_(simulation),
      batch_(static_cast<std::uint64_t>(options.batch)),
      shards_(static_cast<std::uint64_t>(options.shards)),
      window_events_(0),
      starts_(shards_, std::vector<std::uint64_t>{0}) {
  expect_contract(options.shards >= 1 && options.batch >= 1 && options.batch % options.shards == 0,
                  "shards divide the batch");
  expect_contract(simulation.options().tracks > 0, "events have tracks");
  window_events_ = window_events(simulation, options);
}

std::uint64_t TrackLanes::event(const LaneWindow& window, std::uint64_t index) const {
  return window.lane + shards_ * (window.number * window_events_ + index);
}

void TrackLanes::extend(std::uint64_t lane) {
  std::vector<std::uint64_t>& starts = starts_[lane];
  const LaneWindow window{lane, starts.size() - 1};
  std::uint64_t tracks = 0;
  for (std::uint64_t i = 0; i < window_events_; ++i) tracks += simulation_.track_count(event(window, i));
  starts.push_back(starts.back() + tracks);
}

std::uint64_t TrackLanes::tracks(const LaneWindow& window) const {
  const std::vector<std::uint64_t>& starts = starts_[window.lane];
  return starts.at(window.number + 1) - starts[window.number];
}

TrackPlace TrackLanes::place(std::uint64_t sample) {
  const std::uint64_t shard_size = batch_ / shards_;
  const std::uint64_t in_step = sample % batch_;
  const std::uint64_t lane = in_step / shard_size;
  const std::uint64_t position = sample / batch_ * shard_size + in_step % shard_size;
  std::vector<std::uint64_t>& starts = starts_[lane];
  while (starts.back() <= position) extend(lane);
  // The last window that begins at or before the position: the one it is in, as windows may be empty.
  const auto after = std::ranges::upper_bound(starts, position);
  const LaneWindow window{lane, static_cast<std::uint64_t>(after - starts.begin()) - 1};
  // Another order in every window: its number takes the place that the epoch has for a stored data set.
  const std::uint64_t key = window.number * shards_ + lane;
  const Permutation order(simulation_.options().seed, key, tracks(window));
  return {window, order(position - starts[window.number])};
}

}  // namespace annulus::rich
