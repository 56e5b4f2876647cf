// Random numbers of an event are used once, and measured tracks are those that a fit would give.
#include <gtest/gtest.h>

#include <cmath>

#include "rich/simulation/event_factory.hpp"

namespace annulus::rich {
namespace {

TEST(Simulation, NoiseOfADetectorSaysNothingOfTheOther) {
  SimulationOptions options;
  options.tracks = 0;
  options.noise = {30, 30};
  constexpr std::size_t kEvents = 200;
  const std::vector<Event> events = EventFactory(options, 1).make_events(0, kEvents);

  for (const std::size_t later : {0, 1, 2}) {
    int equal = 0;
    for (std::size_t i = 0; i + later < kEvents; ++i)
      equal += events[i].hits[1].size() == events[i + later].hits[0].size() ? 1 : 0;
    // Two Poisson numbers of mean 60 are equal in one event of 27.
    EXPECT_LT(equal, 25) << later << " events later";
  }
}

TEST(Simulation, MeasuredTracksCrossTheTrueOnesInTheMiddleOfTheGas) {
  SimulationOptions options;
  options.quality.smear_scale = 20;
  const Detector detector = make_detector(options.preset);
  int tracks = 0;
  for (const Event& event : EventFactory(options, 1).make_events(0, 5))
    for (const Track& track : event.tracks)
      for (const Rich& rich : detector.riches) {
        const auto segment = gas_segment(rich, track.truth.ray(rich));
        if (!segment) continue;
        const double lever = segment->middle().z - rich.entry_z;
        const TrackState::AtEntry& truth = track.truth.entries[index_of(rich.id)];
        const TrackState::AtEntry& seen = track.measured.entries[index_of(rich.id)];
        // Single precision of positions of some metres.
        EXPECT_NEAR(seen.x + lever * seen.slope_x, truth.x + lever * truth.slope_x, 5e-3);
        EXPECT_NEAR(seen.y + lever * seen.slope_y, truth.y + lever * truth.slope_y, 5e-3);
        ++tracks;
      }
  EXPECT_GT(tracks, 100);
}

}  // namespace
}  // namespace annulus::rich
