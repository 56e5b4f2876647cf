#include "rich/reconstruction/quartic.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace annulus::rich {
namespace {

/// Below this share of the radius E or D counts as lying in the centre, where no plane is defined; the same
/// distance from the mirror leaves a photon no direction.
constexpr double kSmallestLength = 1e-6;

/// Front root of the quartic for 0 <= d_y, by Newton steps from the paraxial mirror equation
/// b = gamma d (1 - e) / (e + d - 2 e d), which is right to 5 mrad in both detectors.
double newton_sine(double e, double d_x, double d_y) {
  const double d2 = d_x * d_x + d_y * d_y;
  const double d = std::sqrt(d2);
  // One division for both quotients.
  const double focus = e + d - 2 * e * d;
  const double quotient = 1 / (d_x * focus);
  const double tangent = d_y * focus * quotient;
  const double gamma = tangent * (1 - tangent * tangent * (1.0 / 3));
  double s = gamma * d * (1 - e) * d_x * quotient;
  // Monic: no step needs the leading coefficient.
  const double inverse_d2 = 1 / d2;
  const double scale = 1 / (4 * e * e) * inverse_d2;
  const double a3 = -d_y * inverse_d2;
  const double a2 = scale * (d_y * d_y + (e + d_x) * (e + d_x)) - 1;
  const double a1 = scale * 2 * e * d_y * (e - d_x);
  const double a0 = -scale * (1 - e) * (1 + e) * d_y * d_y;
  for (int step = 0; step < 3; ++step) {
    const double value = (((s + a3) * s + a2) * s + a1) * s + a0;
    const double slope = ((4 * s + 3 * a3) * s + 2 * a2) * s + a1;
    s -= value / slope;
  }
  return s;
}

/// The law of reflection before squaring, e d sin(2b - gamma) - e sin b - d sin(b - gamma): above zero at
/// b = 0, below at gamma, and zero only once between.
double reflection_error(const MirrorTriangle& t, double b) {
  const double s = std::sin(b);
  const double c = std::cos(b);
  return 2 * t.e * t.d_x * s * c + t.e * t.d_y * (2 * s * s - 1) - (t.e + t.d_x) * s + t.d_y * c;
}

double bisected_sine(const MirrorTriangle& triangle) {
  double low = 0;
  double high = std::atan2(triangle.d_y, triangle.d_x);
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (reflection_error(triangle, middle) > 0 ? low : high) = middle;
  }
  return std::sin(0.5 * (low + high));
}

bool usable_length(double length) { return length > kSmallestLength && std::isfinite(length); }

}  // namespace

std::optional<double> reference_sine(const MirrorTriangle& triangle) {
  const auto [e, d_x, d_y] = triangle;
  const double d = std::hypot(d_x, d_y);
  if (!usable_length(e) || !(e < 1 - kSmallestLength) || !usable_length(d) || !(d_y >= 0) || !(d < 1))
    return std::nullopt;
  if (d_y == 0) return d_x > 0 ? std::optional(0.0) : std::nullopt;
  const double gamma = std::atan2(d_y, d_x);
  const double s = newton_sine(e, d_x, d_y);
  // From the paraxial region Newton is there. A far larger gamma, where nothing is paraxial, is bisected.
  const double rounding = 1e-15;
  const bool inside = s >= 0 && s <= 1 && std::asin(s) <= gamma;
  if (inside && std::abs(reflection_error(triangle, std::asin(s))) <= rounding) return s;
  return bisected_sine(triangle);
}

std::optional<CherenkovAngles> reference_angles(const Rich& rich, Half half, const Segment& track,
                                                const Vector3& hit) {
  const double scale = 1 / rich.mirror_radius;
  const Vector3 emission = scale * (rich.fold(half, track.middle()) - rich.mirror_centre);
  const Vector3 image = scale * (unfold(rich, rich.fold(half, hit)) - rich.mirror_centre);
  const double e = length(emission);
  if (!usable_length(e)) return std::nullopt;
  const Vector3 x_axis = (1 / e) * emission;
  const double d_x = dot(image, x_axis);
  const Vector3 across = image - d_x * x_axis;
  const double d_y = length(across);
  const auto s = reference_sine({e, d_x, d_y});
  if (!s) return std::nullopt;
  // cos b - e without the cancellation of 1 and e.
  const double along = (1 - e) - *s * *s / (1 + std::sqrt(1 - *s * *s));
  const Vector3 photon = along * x_axis + (d_y > 0 ? *s / d_y : 0.0) * across;
  const Frame frame = frame_around(track.direction());
  const Vector3 direction = rich.fold(half, photon);
  const double x = dot(direction, frame.x);
  const double y = dot(direction, frame.y);
  const CherenkovAngles angles{std::atan2(std::hypot(x, y), dot(direction, frame.z)), std::atan2(y, x)};
  return std::isfinite(angles.theta) ? std::optional(angles) : std::nullopt;
}

}  // namespace annulus::rich
