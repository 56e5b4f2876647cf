// Rays over the mirrors: laws of reflection, images of tracks and rings, and rays that go nowhere.
#include "rich/detector/optics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace annulus::rich {
namespace {

const Detector& detector() {
  static const Detector run3 = make_detector(Preset::run3);
  return run3;
}

/// A straight track well inside the acceptance, in the given half.
Segment track_in(const Rich& rich, Half half) {
  const bool first = rich.id == RichId::rich1;
  const Vector3 slopes = rich.fold(half, {first ? 0.05 : 0.06, first ? 0.10 : 0.02, 1});
  return gas_segment(rich, {{0, 0, 0}, unit(slopes)}).value();
}

/// Photons at an angle around a track from the middle of the gas.
std::vector<PhotonPath> ring(const Rich& rich, const Segment& track, double theta) {
  const Frame frame = frame_around(track.direction());
  std::vector<PhotonPath> paths;
  for (int i = 0; i < 64; ++i) {
    const double phi = 2 * std::numbers::pi * i / 64;
    paths.push_back(trace(rich, {track.middle(), direction_around(frame, theta, phi)}).value());
  }
  return paths;
}

class Mirrors : public testing::TestWithParam<std::tuple<RichId, Half>> {
 protected:
  const Rich& rich_ = detector()[std::get<0>(GetParam())];
  Half half_ = std::get<1>(GetParam());
  Segment track_ = track_in(rich_, half_);
  Vector3 fold(const Vector3& a) const { return rich_.fold(half_, a); }
};

TEST_P(Mirrors, PointsLieOnTheirSurfaces) {
  for (const PhotonPath& path : ring(rich_, track_, 0.03)) {
    ASSERT_EQ(path.half, half_);
    // mm after metres of flight, in double precision
    EXPECT_NEAR(length(fold(path.mirror) - rich_.mirror_centre), rich_.mirror_radius, 1e-9);
    EXPECT_NEAR(dot(fold(path.flat) - rich_.flat_mirror.point, rich_.flat_mirror.normal), 0, 1e-9);
    EXPECT_NEAR(dot(fold(path.hit) - rich_.panel.centre, rich_.panel.normal), 0, 1e-9);
  }
}

TEST_P(Mirrors, ReflectionKeepsAngleAndPlane) {
  for (const PhotonPath& path : ring(rich_, track_, 0.05)) {
    const Vector3 normal = unit(fold(path.mirror) - rich_.mirror_centre);
    const Vector3 in = unit(fold(path.mirror) - fold(track_.middle()));
    const Vector3 out = unit(fold(path.flat) - fold(path.mirror));
    EXPECT_NEAR(dot(in, normal), -dot(out, normal), 1e-12);
    EXPECT_NEAR(dot(cross(in, out), normal), 0, 1e-12);
    const Vector3 last = unit(fold(path.hit) - fold(path.flat));
    EXPECT_NEAR(dot(out, rich_.flat_mirror.normal), -dot(last, rich_.flat_mirror.normal), 1e-12);
  }
}

TEST_P(Mirrors, UnfoldedHitLiesOnTheLineFromTheSphericalMirror) {
  for (const PhotonPath& path : ring(rich_, track_, 0.04)) {
    const Vector3 mirror = fold(path.mirror);
    const Vector3 seen = unfold(rich_, fold(path.hit));
    const Vector3 direction = unit(fold(path.flat) - mirror);
    EXPECT_NEAR(length(cross(unit(seen - mirror), direction)), 0, 1e-12);
    const double way = length(path.flat - path.mirror) + length(path.hit - path.flat);
    EXPECT_NEAR(length(seen - mirror), way, 1e-9);
  }
}

TEST_P(Mirrors, HalvesAreMirrorImages) {
  const Segment same{rich_.fold(half_, track_.entry), rich_.fold(half_, track_.exit)};

  const PhotonPath here = zero_angle_image(rich_, track_).value();
  const PhotonPath there = zero_angle_image(rich_, same).value();

  EXPECT_EQ(here.panel.u, there.panel.u);
  EXPECT_EQ(here.panel.v, there.panel.v);
  EXPECT_EQ(there.half, Half::positive);
}

TEST_P(Mirrors, LightComesToAFocusOnThePanel) {
  // A ring from the first and the last third of the way in the gas differs by far less than a pixel from one
  // of the middle, on average.
  const Frame frame = frame_around(track_.direction());
  const Vector3 way = track_.exit - track_.entry;
  double shift = 0;
  for (int i = 0; i < 64; ++i) {
    const Vector3 direction = direction_around(frame, 0.03, 2 * std::numbers::pi * i / 64);
    const PanelPoint early = trace(rich_, {track_.entry + (1.0 / 3) * way, direction})->panel;
    const PanelPoint late = trace(rich_, {track_.entry + (2.0 / 3) * way, direction})->panel;
    shift += std::hypot(early.u - late.u, early.v - late.v) / 64;
  }
  EXPECT_LT(shift, 0.6 * 2.875);
  EXPECT_GT(shift, 0.01);  // nor does it come together exactly: spherical mirrors tilted against the track
}

INSTANTIATE_TEST_SUITE_P(All, Mirrors,
                         testing::Combine(testing::ValuesIn(kRiches),
                                          testing::Values(Half::positive, Half::negative)));

TEST(Ring, PhotonsAcrossTheBorderMeetTheOtherMirror) {
  const Rich& rich1 = detector()[RichId::rich1];
  const Segment track = gas_segment(rich1, ray_from_slopes({0, 0, 0}, 0.1, 0.01)).value();
  int above = 0;
  int below = 0;

  for (const PhotonPath& path : ring(rich1, track, 0.05)) {
    EXPECT_EQ(path.half, rich1.half_at(path.mirror));
    EXPECT_EQ(path.half, rich1.half_at(path.hit));
    (path.half == Half::positive ? above : below)++;
  }

  EXPECT_GT(above, 30);
  EXPECT_GT(below, 10);
}

TEST(Track, SegmentRunsFromEntryToMirror) {
  for (const Rich& rich : detector().riches) {
    const Segment track = track_in(rich, Half::negative);
    EXPECT_NEAR(track.entry.z, rich.entry_z, 1e-9);
    EXPECT_NEAR(length(rich.fold(Half::negative, track.exit) - rich.mirror_centre), rich.mirror_radius, 1e-9);
    EXPECT_TRUE(in_acceptance(rich, track));
  }
  // LHCb: about 1.1 m of C4F10 and 1.9 m of CF4
  EXPECT_NEAR(track_in(detector()[RichId::rich1], Half::positive).path(), 1100, 100);
  EXPECT_NEAR(track_in(detector()[RichId::rich2], Half::positive).path(), 1950, 150);
}

TEST(Track, NonsenseHasNoSegment) {
  const double nan = std::nan("");
  for (const Rich& rich : detector().riches) {
    EXPECT_FALSE(gas_segment(rich, {{0, 0, 0}, {0, 0, -1}}));
    EXPECT_FALSE(gas_segment(rich, {{0, 0, 20000}, {0, 0, 1}}));
    EXPECT_FALSE(gas_segment(rich, {{nan, 0, 0}, {0, 0, 1}}));
    EXPECT_FALSE(gas_segment(rich, {{0, 0, 0}, {nan, 0, 1}}));
    EXPECT_FALSE(gas_segment(rich, {{1e6, 0, rich.entry_z}, {0, 0, 1}}));
  }
}

TEST(Track, SteepOnesAreOutside) {
  const Rich& rich2 = detector()[RichId::rich2];
  EXPECT_FALSE(in_acceptance(rich2, gas_segment(rich2, ray_from_slopes({0, 0, 0}, 0.13, 0)).value()));
  EXPECT_FALSE(in_acceptance(rich2, gas_segment(rich2, ray_from_slopes({0, 0, 0}, 0, 0.11)).value()));
  EXPECT_FALSE(in_acceptance(rich2, gas_segment(rich2, ray_from_slopes({0, 0, 0}, 0.01, 0)).value()));
}

TEST(Photon, BackwardsAndNonsenseGoNowhere) {
  const double nan = std::nan("");
  for (const Rich& rich : detector().riches) {
    const Vector3 origin = track_in(rich, Half::positive).middle();
    const auto sideways = trace(rich, {origin, {1, 0, 0}});
    EXPECT_FALSE(sideways && rich.panel.channel_at(sideways->panel));
    EXPECT_FALSE(trace(rich, {origin, {nan, 0, 1}}));
    EXPECT_FALSE(trace(rich, {{nan, nan, nan}, {0, 0, 1}}));
  }
}

}  // namespace
}  // namespace annulus::rich
