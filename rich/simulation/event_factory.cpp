#include "rich/simulation/event_factory.hpp"

#include <atomic>

namespace annulus::rich {

EventFactory::EventFactory(const SimulationOptions& options, int threads)
    : simulation_(options), pool_(threads) {
  for (int i = 0; i < threads; ++i) workspaces_.emplace_back(simulation_);
}

std::vector<Event> EventFactory::make_events(std::uint64_t first, std::uint64_t count) {
  std::vector<Event> events(count);
  std::atomic<std::uint64_t> next{0};  // events differ in size: each thread takes the next one
  pool_.run([&](int worker) {
    for (std::uint64_t i = next++; i < count; i = next++)
      events[i] = simulation_.event(first + i, workspaces_[static_cast<std::size_t>(worker)]);
  });
  return events;
}

}  // namespace annulus::rich
