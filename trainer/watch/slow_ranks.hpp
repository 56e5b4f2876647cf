// Which rank holds the others up, from the time that each spends on a step besides waiting.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "trainer/watch/heartbeat.hpp"

namespace annulus::trainer {

struct SlowRank {
  int rank = 0;
  std::string host;
  double own_seconds = 0;     ///< of a step, work of its own
  double others_seconds = 0;  ///< median of the others
};

/// The slowest rank, if its own work takes more than half as long again as the median of the others, and a
/// millisecond: less is noise. Waiting does not count, so only the rank that others wait for stands out.
std::optional<SlowRank> find_slow(const std::map<int, Heartbeat>& heartbeats);

/// "rank 3 on host n2 holds the others up: 41 ms per step of its own work, the others 17 ms"
std::string describe(const SlowRank& slow);

/// Something to be recorded with the metrics, which belong to the main thread. Any thread.
void post_notice(std::string text);
/// The notice posted last, once. Cheap when there is none. Any thread.
std::optional<std::string> take_notice();

}  // namespace annulus::trainer
