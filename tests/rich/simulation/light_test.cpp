// Photons of single particles: how many meet pixels, and where.
#include "rich/simulation/light.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace annulus::rich {
namespace {

/// Straight tracks all over the middle of the positive half: rings on a regular grid would meet the same gaps
/// between the tubes again and again.
std::vector<Segment> tracks_in(const Rich& rich) {
  Draws draws(9, Draws::Part::particles, 0);
  std::vector<Segment> tracks;
  for (int i = 0; i < 600; ++i) {
    const double across = draws.uniform(0.05, 0.08);
    const double along = draws.uniform(-0.04, 0.04);
    const Ray ray = rich.id == RichId::rich1 ? ray_from_slopes({0, 0, 0}, along, across)
                                             : ray_from_slopes({0, 0, 0}, across, along);
    tracks.push_back(gas_segment(rich, ray).value());
  }
  return tracks;
}

/// Photons a track that meet pixels, with a residual efficiency of 1.
double detected(const Rich& nominal, Species species, double momentum) {
  Rich rich = nominal;
  rich.efficiency = 1;
  const LightSource light(rich);
  Draws draws(3, Draws::Part::light_rich1, 0);
  std::vector<std::uint32_t> channels;
  const std::vector<Segment> tracks = tracks_in(rich);
  for (const Segment& track : tracks) light.shine({species, momentum, track}, draws, channels);
  return static_cast<double>(channels.size()) / static_cast<double>(tracks.size());
}

TEST(Light, GrowsWithMomentumAsTheory) {
  const Detector detector = make_detector(Preset::run3);
  for (const Rich& rich : detector.riches) {
    const RadiatorModel radiator(rich);
    const double full = detected(rich, Species::electron, 100);
    for (const Species species : {Species::kaon, Species::proton})
      for (const double factor : {1.2, 1.6, 3.0}) {
        const double momentum = factor * radiator.threshold(species);
        // 3 % of a full ring: one index for the whole spectrum, smaller rings fit on the panel better.
        EXPECT_NEAR(detected(rich, species, momentum) / full, 1 - 1 / (factor * factor), 0.03)
            << rich.name << " " << name_of(species) << " at " << momentum;
      }
  }
}

struct RingSize {
  RichId rich;
  Species species;
  double momentum;
  double photons;
};

TEST(Light, MeetsThePublishedNumbersOfPhotons) {
  const Detector detector = make_detector(Preset::run3);
  const std::array<double, kRichCount> full_rings{62, 39};
  // Section 5 of the fact sheet, as shares of a full ring: these tracks are longer than those. 3 %, and what
  // rounding to whole photons leaves.
  for (const RingSize& ring :
       {RingSize{RichId::rich1, Species::pion, 10, 58}, RingSize{RichId::rich1, Species::kaon, 20, 49},
        RingSize{RichId::rich1, Species::proton, 40, 50}, RingSize{RichId::rich2, Species::pion, 20, 37},
        RingSize{RichId::rich2, Species::kaon, 40, 32}}) {
    const Rich& rich = detector[ring.rich];
    const double expected = ring.photons / full_rings[index_of(ring.rich)];
    const double share = detected(rich, ring.species, ring.momentum) / detected(rich, Species::electron, 100);
    EXPECT_NEAR(share, expected, 0.03 + 0.5 / full_rings[index_of(ring.rich)])
        << name_of(ring.species) << " at " << ring.momentum;
  }
}

TEST(Light, IsAbsentBelowThreshold) {
  const Detector detector = make_detector(Preset::run3);

  EXPECT_EQ(detected(detector[RichId::rich1], Species::kaon, 8.5), 0);
  EXPECT_EQ(detected(detector[RichId::rich2], Species::proton, 28), 0);
}

TEST(Light, FallsOnTheHalfOfTheTrack) {
  const Detector detector = make_detector(Preset::run3);
  for (const Rich& rich : detector.riches) {
    const LightSource light(rich);
    for (const Half half : {Half::positive, Half::negative}) {
      const Segment track = tracks_in(rich).back();
      const Segment folded{rich.fold(half, track.entry), rich.fold(half, track.exit)};
      Draws draws(3, Draws::Part::light_rich1, 1);
      std::vector<std::uint32_t> channels;
      light.shine({Species::electron, 50, folded}, draws, channels);
      ASSERT_GT(channels.size(), 10U);
      for (const std::uint32_t channel : channels) EXPECT_EQ(rich.half_of_channel(channel), half);
    }
  }
}

/// Deviation of the distance of pixels from the centre of the ring, mm.
double ring_width(const Rich& rich) {
  const LightSource light(rich);
  const Segment track = tracks_in(rich).front();
  const PanelPoint centre = zero_angle_image(rich, track)->panel;
  Draws draws(4, Draws::Part::light_rich1, 0);
  std::vector<std::uint32_t> channels;
  for (int i = 0; i < 100; ++i) light.shine({Species::electron, 50, track}, draws, channels);
  double sum = 0;
  double squares = 0;
  for (const std::uint32_t channel : channels) {
    const PanelPoint at = rich.panel.pixel_centre(rich.panel_channel(channel));
    const double radius = std::hypot(at.u - centre.u, at.v - centre.v);
    sum += radius;
    squares += radius * radius;
  }
  const auto count = static_cast<double>(channels.size());
  return std::sqrt(squares / count - sum * sum / (count * count));
}

TEST(Light, IsBlurredInHpds) {
  const Detector run3 = make_detector(Preset::run3);
  const Detector hpd = make_detector(Preset::hpd);
  for (const RichId id : kRiches) {
    Rich blurred = run3[id];
    blurred.blur = hpd[id].blur;
    const double expected = std::hypot(ring_width(run3[id]), blurred.blur * blurred.image_scale);
    EXPECT_NEAR(ring_width(blurred), expected, 0.05 * expected);
  }
}

}  // namespace
}  // namespace annulus::rich
