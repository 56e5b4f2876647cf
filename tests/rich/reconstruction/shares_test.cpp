// Rings on both halves: most photons meet the mirror that the larger part of their track's way leads to.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "rich/reconstruction/photon_reconstruction.hpp"
#include "rich/simulation/light.hpp"
#include "tests/rich/rich_test_support.hpp"

namespace annulus::rich {
namespace {

TEST(PhotonShares, AreLargerWhereThePhotonsAre) {
  const Detector detector = make_detector(Preset::run3);
  for (const RichId id : kRiches) {
    const Rich& rich = detector[id];
    const LightSource light(rich);
    const PixelTable pixels(rich);
    PhotonFinder finder(rich, pixels);
    Draws draws(1, Draws::Part::light_rich1, 0);
    double sum = 0;
    int divided = 0;
    for (int i = 0; i < 3000; ++i) {
      const Segment track = test::random_track(rich, draws);
      std::vector<std::uint32_t> channels;
      light.shine({Species::electron, 80, track}, draws, channels);
      std::ranges::sort(channels);
      channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
      std::vector<Hit> hits;
      for (const std::uint32_t channel : channels) hits.push_back({channel, 0});
      std::vector<PhotonCandidate> candidates;
      finder.load(hits);
      finder.find(track, candidates);
      for (const PhotonCandidate& candidate : candidates) {
        if (candidate.share == 1) continue;
        sum += static_cast<double>(candidate.share);
        ++divided;
      }
    }

    // Were shares even between 0 and 1, and photons as many as they say: the mean of s^2 over that of s, 2/3.
    ASSERT_GT(divided, 500);
    EXPECT_GT(sum / divided, 0.55);
  }
}

}  // namespace
}  // namespace annulus::rich
