// A track that is lost in the gas shines until there.
#include <gtest/gtest.h>

#include "rich/simulation/event_factory.hpp"

namespace annulus::rich {
namespace {

TEST(Simulation, TracksThatAreLostInTheGasGiveAPartOfTheirLight) {
  SimulationOptions options;
  options.quality.lost_fraction = 0.5;
  double whole = 0, wholes = 0, part = 0, parts = 0;
  for (const Event& event : EventFactory(options, 1).make_events(0, 200)) {
    for (const Track& track : event.tracks) {
      if (!track.inside[index_of(RichId::rich2)]) continue;
      if (track.lost_z == 0) {
        whole += track.photons[index_of(RichId::rich2)];
        ++wholes;
      } else if (track.lost_z > 9500 && track.lost_z < 10000) {  // mm: the first quarter of RICH 2
        part += track.photons[index_of(RichId::rich2)];
        ++parts;
      }
    }
  }

  ASSERT_GT(parts, 50);
  EXPECT_GT(part, 0);
  EXPECT_LT(part / parts, 0.5 * whole / wholes);
}

}  // namespace
}  // namespace annulus::rich
