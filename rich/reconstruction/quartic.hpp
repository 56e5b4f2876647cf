// The Cherenkov angles of a photon from the two points that are known of it: where it was emitted and where
// it was seen. The point on the spherical mirror between them is the root of a quartic (R. Forty and
// O. Schneider, LHCb-98-040, eq. 3). Two solvers: one in double, exact to rounding, and a fast one over
// structures of arrays in float.
//
// Everything here happens in the folded frame (rich/detector/detector.hpp), whose origin is moved to the
// centre of curvature C and whose unit is made the mirror's radius. E is the emission point, D the mirror
// image of the hit in the flat mirror (`unfold`). In the plane of C, E and D, x along E: e = |E|, D = (d_x,
// d_y) with d_y >= 0, the reflection point is (cos b, sin b). The law of reflection gives for s = sin b
//   4 e^2 d^2 s^4 - 4 e^2 d_y s^3 + [d_y^2 + (e + d_x)^2 - 4 e^2 d^2] s^2 + 2 e d_y (e - d_x) s
//     + (e^2 - 1) d_y^2 = 0.
// Of its two real roots the larger one is the front of the mirror, the only one with 0 <= b <= gamma, the
// angle between E and D.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "rich/detector/detector.hpp"
#include "rich/detector/optics.hpp"
#include "rich/detector/vector3.hpp"

namespace annulus::rich {

/// Angles of a photon about its track; phi in (-pi, pi] from frame_around(direction of the track).
struct CherenkovAngles {
  double theta = 0;
  double phi = 0;
};

/// The quartic's three lengths, in units of the mirror's radius.
struct MirrorTriangle {
  double e = 0;
  double d_x = 0;
  double d_y = 0;
};

/// sin b on the front of the mirror, exact to rounding: three Newton steps from the paraxial mirror equation,
/// and bisection where these do not get there.
/// @return nothing unless 0 < e < 1, d > 0 and all three are finite: then there is no root between E and D
std::optional<double> reference_sine(const MirrorTriangle& triangle);

/// Angles of a hit, by the double path.
/// @param half  on whose panel the hit lies   @param hit  laboratory frame
/// @return nothing for points that no photon can connect (never NaN): a hit behind the mirror, a track that
/// starts at the centre of curvature or at the mirror, values that are not finite
std::optional<CherenkovAngles> reference_angles(const Rich& rich, Half half, const Segment& track,
                                                const Vector3& hit);

/// What all photons of a track that are seen on one half share.
struct EmissionPoint {
  float e = 0;
  /// Unit vector from C to E: in the folded frame, and in the track's.
  float axis[3] = {};
  float direction[3] = {};
  /// Axes of the track's frame in the folded one, less what of them lies along E.
  float across[3][3] = {};
  bool usable = false;  ///< whether E lies inside the sphere and off its centre

  EmissionPoint() = default;
  EmissionPoint(const Rich& rich, Half half, const Segment& track);
};

/// The images D of hits, from C, in units of the radius: structure of arrays of equal length.
struct ImagePoints {
  std::span<const float> x;
  std::span<const float> y;
  std::span<const float> z;
};

/// Theta that marks a hit which no photon of the track can have made.
inline constexpr float kNoAngle = -1;

/// The fast path: paraxial start and two Newton steps in float, good to 1e-6 rad. Branch-free, so that the
/// compiler makes vectors of it.
/// @param theta, phi  as long as `points`; theta is kNoAngle and phi 0 where reference_angles gives nothing,
/// or the reflection is further than 0.3 rad from E, four times what the detectors have, or theta above pi/4
void fast_angles(const EmissionPoint& emission, const ImagePoints& points, std::span<float> theta,
                 std::span<float> phi);

}  // namespace annulus::rich
