// Nanoseconds a photon of the fast quartic, and events of both RICHes reconstructed a second, on one core.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "rich/quartic.hpp"
#include "rich/reconstruction.hpp"
#include "rich/simulation.hpp"

namespace annulus::rich {
namespace {

constexpr std::size_t kPhotons = 4096;

/// Images of the photons of one saturated ring.
struct RingOfPhotons {
  explicit RingOfPhotons(RichId id) : detector(make_detector(Preset::run3)), rich(detector[id]) {
    const Vector3 entry{0.08 * rich.entry_z, 0.06 * rich.entry_z, rich.entry_z};
    track = *gas_segment(rich, ray_from_slopes(entry, 0.08, 0.06));
    half = rich.half_at(track.exit);
    const Frame frame = frame_around(track.direction());
    for (std::size_t i = 0; i < kPhotons; ++i) {
      const auto path = trace_on(
          rich, half, {track.middle(), direction_around(frame, 0.05, 0.0015 * static_cast<double>(i))});
      const Vector3 point =
          (1 / rich.mirror_radius) * (unfold(rich, rich.fold(half, path->hit)) - rich.mirror_centre);
      x.push_back(static_cast<float>(point.x));
      y.push_back(static_cast<float>(point.y));
      z.push_back(static_cast<float>(point.z));
      hits.push_back(path->hit);
    }
  }

  Detector detector;
  const Rich& rich;
  Segment track;
  Half half = Half::positive;
  std::vector<float> x, y, z;
  std::vector<Vector3> hits;
};

void fast_quartic(benchmark::State& state) {
  const RingOfPhotons ring(static_cast<RichId>(state.range(0)));
  const EmissionPoint emission(ring.rich, ring.half, ring.track);
  std::vector<float> theta(kPhotons);
  std::vector<float> phi(kPhotons);
  for (auto _ : state) {
    fast_angles(emission, {ring.x, ring.y, ring.z}, theta, phi);
    benchmark::DoNotOptimize(theta.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPhotons));
}

void reference_quartic(benchmark::State& state) {
  const RingOfPhotons ring(static_cast<RichId>(state.range(0)));
  for (auto _ : state)
    for (const Vector3& hit : ring.hits)
      benchmark::DoNotOptimize(reference_angles(ring.rich, ring.half, ring.track, hit));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPhotons));
}

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

BENCHMARK(fast_quartic)->Arg(0)->Arg(1);
BENCHMARK(reference_quartic)->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(reconstruct, global, LikelihoodKind::global)->Arg(30)->Arg(60)->Arg(100);
BENCHMARK_CAPTURE(reconstruct, local, LikelihoodKind::local)->Arg(30)->Arg(60)->Arg(100);

}  // namespace
}  // namespace annulus::rich

BENCHMARK_MAIN();
