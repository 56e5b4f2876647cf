// Many events at once, on the threads of a rank.
#pragma once

#include <cstdint>
#include <vector>

#include "base/worker_pool.hpp"
#include "rich/events/event.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {

class EventFactory {
 public:
  /// @param threads  at least 1
  EventFactory(const SimulationOptions& options, int threads);

  const Simulation& simulation() const { return simulation_; }
  /// Events [first, first + count), the same whatever the number of threads.
  std::vector<Event> make_events(std::uint64_t first, std::uint64_t count);

 private:
  Simulation simulation_;
  WorkerPool pool_;
  std::vector<Simulation::Workspace> workspaces_;  ///< of each thread
};

}  // namespace annulus::rich
