// Events of both RICHes reconstructed a second on one core.
#include <benchmark/benchmark.h>

#include <vector>

#include "rich/reconstruction/reconstruction.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

void reconstruct(benchmark::State& state, LikelihoodKind kind) {
  const Simulation simulation({.tracks = static_cast<double>(state.range(0))});
  Simulation::Workspace simulation_workspace(simulation);
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < 100; ++i) events.push_back(simulation.event(i, simulation_workspace));
  const Reconstruction reconstruction(Preset::run3);
  Reconstruction::Workspace workspace(reconstruction);
  for (auto _ : state)
    for (const Event& event : events)
      benchmark::DoNotOptimize(reconstruction.run(event, kind, workspace).data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events.size()));
}

BENCHMARK_CAPTURE(reconstruct, global, LikelihoodKind::global)->Arg(30)->Arg(60)->Arg(100);
BENCHMARK_CAPTURE(reconstruct, local, LikelihoodKind::local)->Arg(30)->Arg(60)->Arg(100);

}  // namespace
}  // namespace annulus::rich

BENCHMARK_MAIN();
