// The preset `hpd`: yield and resolution of the hybrid photodiodes of Run 1 and 2, and that reconstruction
// expects what the simulation of this preset makes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "rich/reconstruction/photon_reconstruction.hpp"
#include "rich/reconstruction/reconstruction.hpp"
#include "rich/reconstruction/resolution.hpp"
#include "rich/simulation/light.hpp"
#include "rich/simulation/particle_gun.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

class Hpd : public testing::TestWithParam<RichId> {
 protected:
  bool first() const { return GetParam() == RichId::rich1; }

  const Detector detector_ = make_detector(Preset::hpd);
  const Rich& rich_ = detector_[GetParam()];
  const LightSource light_{rich_};
};
INSTANTIATE_TEST_SUITE_P(BothRiches, Hpd, testing::ValuesIn(kRiches));

TEST_P(Hpd, RingsAreAsWideAsInRunOne) {
  const PixelTable pixels(rich_);
  PhotonFinder finder(rich_, pixels);
  const SimulationOptions options{.preset = Preset::hpd};
  const ParticleGun gun(detector_, options);
  Draws draws(1, Draws::Part::light_rich1, 0);
  double sum = 0;
  double squares = 0;
  double photons = 0;
  std::vector<PhotonCandidate> candidates;
  for (int i = 0; i < 4000; ++i) {
    const auto track = gun.track(draws).segments[index_of(GetParam())];
    if (!track) continue;
    std::vector<std::uint32_t> channels;
    light_.shine({Species::electron, 80, *track}, draws, channels);
    std::ranges::sort(channels);
    channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
    std::vector<Hit> hits;
    for (const std::uint32_t channel : channels) hits.push_back({channel, 0});
    candidates.clear();
    finder.load(hits);
    finder.find(*track, candidates);
    for (const PhotonCandidate& candidate : candidates) {
      const double residual = static_cast<double>(candidate.theta) - light_.radiator().saturated_angle();
      photons += 1;
      sum += residual;
      squares += residual * residual;
    }
  }

  const double sigma = std::sqrt(squares / photons - std::pow(sum / photons, 2));
  const double published = first() ? 1.62e-3 : 0.68e-3;  // arXiv:1211.6759
  EXPECT_NEAR(sigma, published, 0.03 * published);
  const ResolutionModel model(rich_, light_.radiator());
  const double theta = light_.radiator().saturated_angle();
  const double pixel = model.pixel(rich_.panel.blocks[0].pixel_size());
  const double without_track = std::sqrt(std::pow(model.without_pixel(Species::electron, 80, theta), 2) +
                                         pixel * pixel - std::pow(model.direction(80), 2));
  EXPECT_NEAR(without_track, sigma, 0.06 * sigma);
}

TEST_P(Hpd, ReconstructionExpectsThePhotonsThatAreSimulated) {
  const std::size_t which = index_of(GetParam());
  std::array<double, 2> expected{};
  std::array<double, 2> detected{};
  std::array<double, 2> of_all{};
  for (const Preset preset : {Preset::run3, Preset::hpd}) {
    const Simulation simulation({.preset = preset, .tracks = 4, .seed = 4});
    Simulation::Workspace simulation_workspace(simulation);
    const Reconstruction reconstruction(preset);
    Reconstruction::Workspace workspace(reconstruction);
    for (std::uint64_t i = 0; i < 600; ++i) {
      const Event event = simulation.event(i, simulation_workspace);
      const auto& found = reconstruction.run(event, LikelihoodKind::global, workspace);
      for (std::size_t j = 0; j < found.size(); ++j) {
        const Track& track = event.tracks[j];
        of_all[static_cast<std::size_t>(preset)] += track.photons[which];
        if (found[j].best != track.species || track.measured.momentum < 15) continue;
        expected[static_cast<std::size_t>(preset)] += static_cast<double>(found[j].rings[which].expected);
        detected[static_cast<std::size_t>(preset)] += track.photons[which];
      }
    }
  }

  ASSERT_GT(detected[1], 2000);
  EXPECT_NEAR(expected[0] / detected[0], 1, 0.04);
  EXPECT_NEAR(expected[1] / detected[1], 1, 0.04);
  // 62 and 38.5 photons become 25 and 17; Run 1 had 20 to 28 and 16 to 23 (arXiv:1211.6759).
  EXPECT_NEAR(of_all[1] / of_all[0], first() ? 0.40 / 0.95 : 0.45 / 0.90, 0.03);
}

}  // namespace
}  // namespace annulus::rich
