// Three-vectors in double precision: all that optics needs, in one header so that loops over photons inline
// it.
#pragma once

#include <cmath>

namespace annulus::rich {

struct Vector3 {
  double x = 0;
  double y = 0;
  double z = 0;

  friend constexpr Vector3 operator+(const Vector3& a, const Vector3& b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
  }
  friend constexpr Vector3 operator-(const Vector3& a, const Vector3& b) {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
  }
  friend constexpr Vector3 operator*(double s, const Vector3& a) { return {s * a.x, s * a.y, s * a.z}; }
  friend constexpr bool operator==(const Vector3&, const Vector3&) = default;
};

constexpr double dot(const Vector3& a, const Vector3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
constexpr Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double length(const Vector3& a) { return std::sqrt(dot(a, a)); }
/// @pre a is not zero
inline Vector3 unit(const Vector3& a) { return (1 / length(a)) * a; }

/// A right-handed frame around an axis, in which polar angles about a track are taken.
struct Frame {
  Vector3 x;
  Vector3 y;
  Vector3 z;
};

/// The frame whose z is `axis` and whose x lies in the plane of the laboratory's x axis: azimuths of tracks
/// near the beam line vary smoothly with the track. @pre axis is a unit vector, not along the laboratory's x
inline Frame frame_around(const Vector3& axis) {
  const Vector3 y = unit(cross(axis, Vector3{1, 0, 0}));
  return {cross(y, axis), y, axis};
}

}  // namespace annulus::rich
