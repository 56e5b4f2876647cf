#include "rich/quartic.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "rich/vector_math.hpp"

namespace annulus::rich {
namespace {

/// Below this share of the radius E or D counts as lying in the centre, where no plane is defined; the same
/// distance from the mirror leaves a photon no direction.
constexpr double kSmallestLength = 1e-6;

/// Of sin b in the fast path; both detectors stay below 0.08.
constexpr float kLargestSine = 0.3f;

/// Front root of the quartic for 0 <= d_y, by Newton steps from the paraxial mirror equation
/// b = gamma d (1 - e) / (e + d - 2 e d), which is right to 5 mrad in both detectors.
template <class Real, int kSteps>
inline Real newton_sine(Real e, Real d_x, Real d_y) {
  const Real d2 = d_x * d_x + d_y * d_y;
  const Real d = std::sqrt(d2);
  // One division for both quotients.
  const Real focus = e + d - 2 * e * d;
  const Real quotient = 1 / (d_x * focus);
  const Real tangent = d_y * focus * quotient;
  const Real gamma = tangent * (1 - tangent * tangent * (Real(1) / 3));
  Real s = gamma * d * (1 - e) * d_x * quotient;
  // Monic: no step needs the leading coefficient.
  const Real inverse_d2 = 1 / d2;
  const Real scale = 1 / (4 * e * e) * inverse_d2;
  const Real a3 = -d_y * inverse_d2;
  const Real a2 = scale * (d_y * d_y + (e + d_x) * (e + d_x)) - 1;
  const Real a1 = scale * 2 * e * d_y * (e - d_x);
  const Real a0 = -scale * (1 - e) * (1 + e) * d_y * d_y;
  for (int step = 0; step < kSteps; ++step) {
    const Real value = (((s + a3) * s + a2) * s + a1) * s + a0;
    const Real slope = ((4 * s + 3 * a3) * s + 2 * a2) * s + a1;
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
  const double s = newton_sine<double, 3>(e, d_x, d_y);
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

EmissionPoint::EmissionPoint(const Rich& rich, Half half, const Segment& track) {
  const Vector3 point = (1 / rich.mirror_radius) * (rich.fold(half, track.middle()) - rich.mirror_centre);
  const double distance = length(point);
  usable = usable_length(distance) && distance < 1 - kSmallestLength && length(track.exit - track.entry) > 0;
  if (!usable) return;
  e = static_cast<float>(distance);
  const Frame axes = frame_around(track.direction());
  const Vector3 folded[3] = {rich.fold(half, axes.x), rich.fold(half, axes.y), rich.fold(half, axes.z)};
  for (std::size_t i = 0; i < 3; ++i) {
    frame[i][0] = static_cast<float>(folded[i].x);
    frame[i][1] = static_cast<float>(folded[i].y);
    frame[i][2] = static_cast<float>(folded[i].z);
    direction[i] = static_cast<float>(dot(folded[i], point) / distance);
  }
}

void fast_angles(const EmissionPoint& emission, const ImagePoints& points, std::span<float> theta,
                 std::span<float> phi) {
  const std::size_t count = points.x.size();
  expect_contract(
      points.y.size() == count && points.z.size() == count && theta.size() == count && phi.size() == count,
      "points and angles have the same length");
  if (!emission.usable) {
    std::fill(theta.begin(), theta.end(), kNoAngle);
    std::fill(phi.begin(), phi.end(), 0.0f);
    return;
  }
  const auto [e, frame, direction, usable] = emission;
  const float* in_x = points.x.data();
  const float* in_y = points.y.data();
  const float* in_z = points.z.data();
  float* out_theta = theta.data();
  float* out_phi = phi.data();
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) {
    const float x = frame[0][0] * in_x[i] + frame[0][1] * in_y[i] + frame[0][2] * in_z[i];
    const float y = frame[1][0] * in_x[i] + frame[1][1] * in_y[i] + frame[1][2] * in_z[i];
    const float z = frame[2][0] * in_x[i] + frame[2][1] * in_y[i] + frame[2][2] * in_z[i];
    const float d_x = x * direction[0] + y * direction[1] + z * direction[2];
    const float across_x = x - d_x * direction[0];
    const float across_y = y - d_x * direction[1];
    const float across_z = z - d_x * direction[2];
    const float d_y = std::sqrt(across_x * across_x + across_y * across_y + across_z * across_z);
    const float s = newton_sine<float, 2>(e, d_x, d_y);
    // 1 - cos b as a series in s^2, right to 2e-7 at kLargestSine.
    const float s2 = s * s;
    const float ahead = (1 - e) - s2 * (0.5f + s2 * (0.125f + s2 * (0.0625f + s2 * 0.0390625f)));
    const float aside = s / std::max(d_y, 1e-12f);
    const float photon_x = ahead * direction[0] + aside * across_x;
    const float photon_y = ahead * direction[1] + aside * across_y;
    const float photon_z = ahead * direction[2] + aside * across_z;
    const float sine = std::sqrt(photon_x * photon_x + photon_y * photon_y);
    const float angle = vector_atan2(sine, photon_z);
    // Comparisons are false for what is not finite.
    const bool valid = (d_x > 1e-6f) & (d_x < 1.0f) & (d_y < 1.0f) & (s >= 0.0f) & (s <= kLargestSine);
    const bool good = valid & (angle >= 0.0f);
    out_theta[i] = good ? angle : kNoAngle;
    out_phi[i] = good ? vector_atan2(photon_y, photon_x) : 0.0f;
  }
}

}  // namespace annulus::rich
