// How full corona images are, by number of tracks: against the prototype of the same detector.
#include <gtest/gtest.h>

#include <cstdio>

#include "rich/images/image_maker.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

struct Occupancy {
  double tracks = 30;
  std::uint64_t events = 0;
  std::array<double, kRichCount> bins{};  ///< occupied, of 1024
  std::array<double, kRichCount> hits{};
};

class CoronaOccupancy : public testing::TestWithParam<Occupancy> {};

TEST_P(CoronaOccupancy, IsThatOfThePrototype) {
  const Occupancy& expected = GetParam();
  const Simulation simulation({.tracks = expected.tracks, .seed = 3});
  Simulation::Workspace simulation_workspace(simulation);
  const CoronaOptions options{.clip = 255};
  const ImageMaker maker(Preset::run3, {options});
  ImageMaker::Workspace workspace(maker);
  std::array<double, kRichCount> bins{};
  std::array<double, kRichCount> hits{};
  std::array<double, kRichCount> seen{};

  for (std::uint64_t i = 0; i < expected.events; ++i) {
    const Event event = simulation.event(i, simulation_workspace);
    std::vector<std::uint8_t> images(event.tracks.size() * options.bytes());
    std::vector<float> features(event.tracks.size() * kFeatures);
    maker.make(event, workspace, {.images = {images}, .features = features});
    for (std::size_t j = 0; j < event.tracks.size(); ++j)
      for (std::size_t rich = 0; rich < kRichCount; ++rich) {
        if (!event.tracks[j].inside[rich]) continue;
        seen[rich] += 1;
        for (std::size_t pixel = rich; pixel < options.bytes(); pixel += kRichCount) {
          const std::uint8_t count = images[j * options.bytes() + pixel];
          bins[rich] += count > 0 ? 1 : 0;
          hits[rich] += count;
        }
      }
  }

  for (std::size_t rich = 0; rich < kRichCount; ++rich) {
    ASSERT_GT(seen[rich], 1000);
    std::printf("%3.0f tracks, RICH%zu: %.1f bins (prototype %.0f), %.1f hits (%.0f)\n", expected.tracks,
                rich + 1, bins[rich] / seen[rich], expected.bins[rich], hits[rich] / seen[rich],
                expected.hits[rich]);
    // The prototype's samples were small, and multiplicities fluctuate by 40 %.
    EXPECT_NEAR(bins[rich] / seen[rich], expected.bins[rich], 0.28 * expected.bins[rich]);
    EXPECT_NEAR(hits[rich] / seen[rich], expected.hits[rich], 0.28 * expected.hits[rich]);
  }
}

INSTANTIATE_TEST_SUITE_P(Multiplicities, CoronaOccupancy,
                         testing::Values(Occupancy{4, 2000, {45, 16}, {58, 19}},
                                         Occupancy{30, 600, {166, 38}, {232, 45}},
                                         Occupancy{60, 400, {287, 69}, {459, 86}},
                                         Occupancy{100, 300, {358, 93}, {633, 118}}));

}  // namespace
}  // namespace annulus::rich
