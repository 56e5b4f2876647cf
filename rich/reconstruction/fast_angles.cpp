// The fast path of rich/reconstruction/quartic.hpp: one loop without branches over photons, compiled for the
// vector instructions of several processors.
//
// It solves for t = s / d_y rather than s: divided by d_y^2, the quartic has no odd power of d_y, so that no
// square root is taken for it, and a photon in line with E and C, where d_y = 0, is like any other.
#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "rich/detector/vector_math.hpp"
#include "rich/reconstruction/quartic.hpp"

namespace annulus::rich {
namespace {

/// Of sin b; both detectors stay below 0.08.
constexpr float kLargestSine = 0.3f;

/// E as close as this to the centre of curvature or the mirror, in units of the radius, is of no use.
constexpr double kSmallestLength = 1e-6;

/// Where E and D are, without directions.
struct Lengths {
  float e;
  float d_x;
  float d_y2;
};

/// Front root t of the quartic: Newton steps from the paraxial mirror equation.
template <bool kFused>
[[gnu::always_inline]] inline float newton_ratio(const Lengths& at) {
  const auto fma = [](float a, float b, float c) { return multiply_add<kFused>(a, b, c); };
  const auto [e, d_x, d_y2] = at;
  const float four_e2 = 4 * e * e;
  const float d2 = fma(d_x, d_x, d_y2);
  const float d = std::sqrt(d2);
  const float focus = fma(1 - 2 * e, d, e);
  // One division for 1/d_x and 1/focus.
  const float quotient = 1 / (d_x * focus);
  const float inverse = focus * quotient;
  const float tangent2 = d_y2 * (inverse * inverse);
  const float start = fma(tangent2, -1.0f / 3, 1.0f) * (d * (1 - e) * quotient);
  const float a3 = -four_e2 * d_y2;
  const float a4 = -a3 * d2;
  const float a2 = fma(-four_e2, d2, fma(e + d_x, e + d_x, d_y2));
  const float a1 = fma(-2 * e, d_x, 2 * e * e);
  const float a0 = (e - 1) * (e + 1);
  const auto newton_step = [&](float from) {
    // Horner's scheme twice: value and slope.
    const float b3 = fma(a4, from, a3);
    const float b2 = fma(b3, from, a2);
    const float b1 = fma(b2, from, a1);
    const float value = fma(b1, from, a0);
    const float slope = fma(fma(fma(a4, from, b3), from, b2), from, b1);
    return from - value / slope;
  };
  return newton_step(newton_step(start));
}

struct Angles {
  float* theta;
  float* phi;
};

template <bool kFused>
[[gnu::always_inline]] inline void solve(const EmissionPoint& emission, const ImagePoints& points,
                                         const Angles& angles) {
  const auto fma = [](float a, float b, float c) { return multiply_add<kFused>(a, b, c); };
  const auto along = [fma](const float* axis, float x, float y, float z) {
    return fma(axis[0], x, fma(axis[1], y, axis[2] * z));
  };
  const EmissionPoint at = emission;
  const float* in_x = points.x.data();
  const float* in_y = points.y.data();
  const float* in_z = points.z.data();
  float* out_theta = angles.theta;
  float* out_phi = angles.phi;
  const std::size_t count = points.x.size();
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) {
    const float d_x = along(at.axis, in_x[i], in_y[i], in_z[i]);
    const float across_x = along(at.across[0], in_x[i], in_y[i], in_z[i]);
    const float across_y = along(at.across[1], in_x[i], in_y[i], in_z[i]);
    const float across_z = along(at.across[2], in_x[i], in_y[i], in_z[i]);
    const float d_y2 = fma(across_x, across_x, fma(across_y, across_y, across_z * across_z));
    const float t = newton_ratio<kFused>({at.e, d_x, d_y2});
    // cos b - e, with 1 - cos b as a series in s^2, right to 2e-7 at kLargestSine.
    const float s2 = t * t * d_y2;
    const float versine = s2 * fma(s2, fma(s2, fma(s2, 0.0390625f, 0.0625f), 0.125f), 0.5f);
    const float ahead = (1 - at.e) - versine;
    const float photon_x = fma(t, across_x, ahead * at.direction[0]);
    const float photon_y = fma(t, across_y, ahead * at.direction[1]);
    const float photon_z = fma(t, across_z, ahead * at.direction[2]);
    const float sine = std::sqrt(fma(photon_x, photon_x, photon_y * photon_y));
    const float theta = vector_atan_below_one<kFused>(sine / photon_z);
    const float phi = vector_atan2<kFused>(photon_y, photon_x);
    // Comparisons are false for what is not finite.
    const bool good = (d_x > 1e-6f) & (d_x < 1.0f) & (d_y2 < 1.0f) & (t >= 0.0f) &
                      (s2 <= kLargestSine * kLargestSine) & (photon_z > sine);
    out_theta[i] = good ? theta : kNoAngle;
    out_phi[i] = good ? phi : 0.0f;
  }
}

void solve_anywhere(const EmissionPoint& emission, const ImagePoints& points, const Angles& angles) {
  solve<false>(emission, points, angles);
}

__attribute__((target("avx2,fma"))) void solve_avx2(const EmissionPoint& emission, const ImagePoints& points,
                                                    const Angles& angles) {
  solve<true>(emission, points, angles);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,prefer-vector-width=512"))) void solve_avx512(
    const EmissionPoint& emission, const ImagePoints& points, const Angles& angles) {
  solve<true>(emission, points, angles);
}

}  // namespace

EmissionPoint::EmissionPoint(const Rich& rich, Half half, const Segment& track) {
  const Vector3 point = (1 / rich.mirror_radius) * (rich.fold(half, track.middle()) - rich.mirror_centre);
  const double distance = length(point);
  const bool off_centre = distance > kSmallestLength && distance < 1 - kSmallestLength;
  usable = off_centre && length(track.exit - track.entry) > 0;
  if (!usable) return;
  e = static_cast<float>(distance);
  const Vector3 unit_point = (1 / distance) * point;
  const Frame frame = frame_around(track.direction());
  const auto store = [](const Vector3& from, float* to) {
    to[0] = static_cast<float>(from.x);
    to[1] = static_cast<float>(from.y);
    to[2] = static_cast<float>(from.z);
  };
  store(unit_point, axis);
  const Vector3 folded[3] = {rich.fold(half, frame.x), rich.fold(half, frame.y), rich.fold(half, frame.z)};
  for (std::size_t i = 0; i < 3; ++i) {
    const double along = dot(folded[i], unit_point);
    direction[i] = static_cast<float>(along);
    store(folded[i] - along * unit_point, across[i]);
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
  static const auto solver = [] {
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return solve_avx512;
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2") ? solve_avx2 : solve_anywhere;
  }();
  solver(emission, points, {theta.data(), phi.data()});
}

}  // namespace annulus::rich
