// Random tracks and photons with known angles.
#pragma once

#include <cmath>
#include <numbers>
#include <optional>

#include "rich/detector/optics.hpp"
#include "rich/simulation/draws.hpp"

namespace annulus::rich::test {

/// A track from the collision point through a RICH, anywhere in its acceptance.
inline Segment random_track(const Rich& rich, Draws& draws) {
  for (;;) {
    const double slope_x = draws.uniform(-1, 1) * rich.acceptance.horizontal;
    const double slope_y = draws.uniform(-1, 1) * rich.acceptance.vertical;
    if (std::hypot(slope_x, slope_y) < 0.025) continue;
    const Vector3 entry{slope_x * rich.entry_z, slope_y * rich.entry_z, rich.entry_z};
    const auto segment = gas_segment(rich, ray_from_slopes(entry, slope_x, slope_y));
    if (segment) return *segment;
  }
}

struct KnownPhoton {
  double theta = 0;
  double phi = 0;
  PhotonPath path;
};

/// A photon from the middle of a track with angles up to those of a saturated ring.
inline std::optional<KnownPhoton> random_photon(const Rich& rich, const Segment& track, Draws& draws) {
  KnownPhoton photon{
      .theta = draws.uniform(0.001, 0.054), .phi = draws.uniform(-1, 1) * std::numbers::pi, .path = {}};
  const Frame frame = frame_around(track.direction());
  const auto path = trace(rich, {track.middle(), direction_around(frame, photon.theta, photon.phi)});
  if (!path) return std::nullopt;
  photon.path = *path;
  return photon;
}

}  // namespace annulus::rich::test
