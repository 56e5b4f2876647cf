// Exact optics in double precision: tracks through the gas, photons over spherical mirror, flat mirror and
// photocathode plane. The simulation uses it, and the reconstruction is held against it.
#pragma once

#include <optional>

#include "rich/detector/detector.hpp"
#include "rich/detector/vector3.hpp"

namespace annulus::rich {

/// A point and a unit direction, laboratory frame.
struct Ray {
  Vector3 origin;
  Vector3 direction;

  Vector3 at(double distance) const { return origin + distance * direction; }
};

/// A ray from slopes dx/dz, dy/dz.
inline Ray ray_from_slopes(const Vector3& origin, double slope_x, double slope_y) {
  return {origin, unit({slope_x, slope_y, 1})};
}

/// The piece of a track that radiates.
struct Segment {
  Vector3 entry;
  Vector3 exit;  ///< on the spherical mirror, or where the particle was lost

  double path() const { return length(exit - entry); }
  Vector3 direction() const { return unit(exit - entry); }
  /// Assumed emission point of all photons.
  Vector3 middle() const { return 0.5 * (entry + exit); }
};

/// A photon's way. Laboratory frame but for the point on the panel.
struct PhotonPath {
  Half half = Half::positive;  ///< whose mirrors it met
  Vector3 mirror;              ///< on the spherical mirror
  Vector3 flat;                ///< on the flat mirror
  Vector3 hit;                 ///< on the photocathode plane, panel or not
  PanelPoint panel;            ///< the same in the panel's coordinates, folded
};

/// Where a track is in a RICH: from the entry plane to the spherical mirror, whether inside the acceptance or
/// not. @return nothing for a track that does not meet entry plane and mirror in this order (for instance one
/// that flies backwards, or one with a NaN)
std::optional<Segment> gas_segment(const Rich& rich, const Ray& track);

/// Whether a track counts as inside: by its direction from the origin to the entry plane.
bool in_acceptance(const Rich& rich, const Segment& segment);

/// Where the image of a photon falls that starts at `origin`. The mirrors of the half on whose side it meets
/// the sphere reflect it.
/// @return nothing when it misses a mirror or the plane from the front
std::optional<PhotonPath> trace(const Rich& rich, const Ray& photon);

/// The same by the mirrors of one half, as if they went on beyond its edge.
std::optional<PhotonPath> trace_on(const Rich& rich, Half half, const Ray& photon);

/// The mirror image of a point on the panel in the flat mirror, D = H - 2 ((H - F).n) n: seen from the
/// spherical mirror, light comes to a focus there (LHCb-98-040, section 2). The quartic needs this D, not H.
/// @param hit  folded frame   @return folded frame
inline Vector3 unfold(const Rich& rich, const Vector3& hit) {
  const Plane& flat = rich.flat_mirror;
  return hit - (2 * dot(hit - flat.point, flat.normal)) * flat.normal;
}

/// The image of a track: where a photon emitted along it from the middle of the gas would fall, the centre
/// of its ring. May lie beyond the panel. @return nothing as `trace`
inline std::optional<PhotonPath> zero_angle_image(const Rich& rich, const Segment& track) {
  return trace(rich, {track.middle(), track.direction()});
}

/// Unit direction at angles (theta, phi) about an axis.
inline Vector3 direction_around(const Frame& frame, double theta, double phi) {
  const double sine = std::sin(theta);
  return (sine * std::cos(phi)) * frame.x + (sine * std::sin(phi)) * frame.y + std::cos(theta) * frame.z;
}

}  // namespace annulus::rich
