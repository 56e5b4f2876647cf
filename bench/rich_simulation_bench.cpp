// Events of both RICHes a second on one core, by number of tracks: alone, and with the images and features
// that event files hold of their tracks.
#include <benchmark/benchmark.h>

#include "rich/files/image_file.hpp"
#include "rich/images/image_columns.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

void simulate(benchmark::State& state) {
  SimulationOptions options;
  options.tracks = static_cast<double>(state.range(0));
  const Simulation simulation(options);
  Simulation::Workspace workspace(simulation);
  std::uint64_t number = 0;
  std::uint64_t hits = 0;
  for (auto _ : state) {
    const Event event = simulation.event(number++, workspace);
    hits += event.hits[0].size() + event.hits[1].size();
    benchmark::DoNotOptimize(event.hits[0].data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
  state.counters["hits"] = benchmark::Counter(static_cast<double>(hits), benchmark::Counter::kAvgIterations);
}

void simulate_with_images(benchmark::State& state) {
  SimulationOptions options;
  options.tracks = static_cast<double>(state.range(0));
  const Simulation simulation(options);
  Simulation::Workspace workspace(simulation);
  std::vector<CoronaOptions> kinds;
  for (const NamedImages& kind : event_file_images()) kinds.push_back(kind.options);
  ImageFactory images(options.preset, kinds, 1);
  std::uint64_t number = 0;
  std::uint64_t tracks = 0;
  for (auto _ : state) {
    const Event event = simulation.event(number++, workspace);
    tracks += event.tracks.size();
    benchmark::DoNotOptimize(&images.make(std::span(&event, 1), 0));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
  state.counters["tracks"] =
      benchmark::Counter(static_cast<double>(tracks), benchmark::Counter::kAvgIterations);
}

BENCHMARK(simulate)->Arg(4)->Arg(30)->Arg(60)->Arg(100);
BENCHMARK(simulate_with_images)->Arg(4)->Arg(30)->Arg(60)->Arg(100);

}  // namespace
}  // namespace annulus::rich

BENCHMARK_MAIN();
