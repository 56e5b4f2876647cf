#include "rich/detector/optics.hpp"

#include <cmath>

namespace annulus::rich {
namespace {

/// Distance along a ray to the far side of a sphere. @return nothing when it passes by
std::optional<double> far_sphere(const Ray& ray, const Vector3& centre, double radius) {
  const Vector3 from_centre = ray.origin - centre;
  const double half_b = dot(from_centre, ray.direction);
  const double c = dot(from_centre, from_centre) - radius * radius;
  const double discriminant = half_b * half_b - c;
  if (!(discriminant >= 0)) return std::nullopt;
  const double distance = -half_b + std::sqrt(discriminant);
  return distance > 0 ? std::optional(distance) : std::nullopt;
}

std::optional<double> to_plane(const Ray& ray, const Plane& plane) {
  const double distance = dot(plane.point - ray.origin, plane.normal) / dot(ray.direction, plane.normal);
  return distance > 0 && std::isfinite(distance) ? std::optional(distance) : std::nullopt;
}

Vector3 reflected(const Vector3& direction, const Vector3& normal) {
  return direction - (2 * dot(direction, normal)) * normal;
}

struct MirrorPoint {
  Half half = Half::positive;
  Vector3 folded;
  double distance = 0;
};

/// Where a ray meets the spherical mirror. Each half has a sphere of its own; they touch where the halves do,
/// so that a ray meets just one of them on its own side, and the side of its origin is tried first.
std::optional<MirrorPoint> on_mirror(const Rich& rich, const Ray& ray) {
  Half half = rich.half_at(ray.origin + (rich.mirror_radius / 4) * ray.direction);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Ray folded{rich.fold(half, ray.origin), rich.fold(half, ray.direction)};
    const auto distance = far_sphere(folded, rich.mirror_centre, rich.mirror_radius);
    if (!distance) return std::nullopt;
    const Vector3 point = folded.at(*distance);
    if (rich.half_at(point) == Half::positive || attempt == 1) return MirrorPoint{half, point, *distance};
    half = half == Half::positive ? Half::negative : Half::positive;
  }
  return std::nullopt;
}

/// The way from the spherical mirror on.
std::optional<PhotonPath> from_mirror(const Rich& rich, const MirrorPoint& mirror, const Vector3& direction) {
  const Half half = mirror.half;
  const Vector3 normal = (1 / rich.mirror_radius) * (mirror.folded - rich.mirror_centre);
  const Ray to_flat{mirror.folded, reflected(rich.fold(half, direction), normal)};
  const auto flat_distance = to_plane(to_flat, rich.flat_mirror);
  if (!flat_distance) return std::nullopt;
  const Ray to_panel{to_flat.at(*flat_distance), reflected(to_flat.direction, rich.flat_mirror.normal)};
  const auto panel_distance = to_plane(to_panel, {rich.panel.centre, rich.panel.normal});
  if (!panel_distance) return std::nullopt;
  const Vector3 hit = to_panel.at(*panel_distance);
  return PhotonPath{half, rich.fold(half, mirror.folded), rich.fold(half, to_panel.origin),
                    rich.fold(half, hit), rich.panel.local(hit)};
}

}  // namespace

std::optional<Segment> gas_segment(const Rich& rich, const Ray& track) {
  const auto to_entry = (rich.entry_z - track.origin.z) / track.direction.z;
  if (!(track.direction.z > 0) || !(to_entry >= 0)) return std::nullopt;
  const Vector3 entry = track.at(to_entry);
  const auto mirror = on_mirror(rich, {entry, track.direction});
  if (!mirror) return std::nullopt;
  return Segment{entry, rich.fold(mirror->half, mirror->folded)};
}

bool in_acceptance(const Rich& rich, const Segment& segment) {
  const Acceptance& limits = rich.acceptance;
  const double slope_x = segment.entry.x / segment.entry.z;
  const double slope_y = segment.entry.y / segment.entry.z;
  return std::abs(slope_x) < limits.horizontal && std::abs(slope_y) < limits.vertical &&
         std::hypot(slope_x, slope_y) > limits.lowest;
}

std::optional<PhotonPath> trace(const Rich& rich, const Ray& photon) {
  const auto mirror = on_mirror(rich, photon);
  return mirror ? from_mirror(rich, *mirror, photon.direction) : std::nullopt;
}

std::optional<PhotonPath> trace_on(const Rich& rich, Half half, const Ray& photon) {
  const Ray folded{rich.fold(half, photon.origin), rich.fold(half, photon.direction)};
  const auto distance = far_sphere(folded, rich.mirror_centre, rich.mirror_radius);
  if (!distance) return std::nullopt;
  return from_mirror(rich, {half, folded.at(*distance), *distance}, photon.direction);
}

}  // namespace annulus::rich
