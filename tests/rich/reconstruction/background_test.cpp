// Hits that rings explain are no background.
#include <gtest/gtest.h>

#include <numeric>

#include "rich/reconstruction/reconstruction.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

class BackgroundTest : public testing::Test {
 protected:
  /// Photons of background that are expected in the pixels that fired, over some events.
  double background(const Simulation& simulation, LikelihoodKind kind) {
    Simulation::Workspace simulation_workspace(simulation);
    double sum = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
      reconstruction_.run(simulation.event(i, simulation_workspace), kind, workspace_);
      const auto& densities = Reconstruction::problem(workspace_).background;
      sum = std::accumulate(densities.begin(), densities.end(), sum);
    }
    return sum;
  }
  const Reconstruction reconstruction_{Preset::run3};
  Reconstruction::Workspace workspace_{reconstruction_};
};

TEST_F(BackgroundTest, IsLittleWhereAllLightIsOfTracks) {
  const Simulation clean({.tracks = 20, .ghosts_per_track = 0, .noise = {0, 0}, .seed = 5});

  EXPECT_LT(background(clean, LikelihoodKind::global), background(clean, LikelihoodKind::local) / 2);
}

TEST_F(BackgroundTest, IsLittleOnTheHalfOfALoneRing) {
  const Simulation lone({.tracks = 1, .ghosts_per_track = 0, .noise = {0, 0}, .seed = 6});

  EXPECT_LT(background(lone, LikelihoodKind::global), background(lone, LikelihoodKind::local) / 2);
}

TEST_F(BackgroundTest, IsWhatStandsAloneOtherwise) {
  const Simulation noisy({.tracks = 0, .ghosts_per_track = 0, .noise = {200, 200}, .seed = 5});

  EXPECT_DOUBLE_EQ(background(noisy, LikelihoodKind::global), background(noisy, LikelihoodKind::local));
}

}  // namespace
}  // namespace annulus::rich
