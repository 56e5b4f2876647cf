// Nanoseconds a photon of the quartic's solvers, on the same photons in one run: how ours compares with what
// else there is. First each solver up to sin theta, with the same geometry around it, then our kernel with
// theta and phi. The counter `error` is the largest one of sin theta.
#include <benchmark/benchmark.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "rich/detector/vector_math.hpp"
#include "rich/reconstruction/quartic.hpp"
#include "rich/simulation/draws.hpp"

namespace annulus::rich {
namespace {

#ifdef __FMA__
constexpr bool kFused = true;
#else
constexpr bool kFused = false;
#endif

[[gnu::always_inline]] inline float fma(float a, float b, float c) { return multiply_add<kFused>(a, b, c); }

/// Photons of one track at random angles, and the images of their hits.
struct Photons {
  explicit Photons(RichId id) : detector(make_detector(Preset::run3)), rich(detector[id]) {
    const Vector3 entry{0.08 * rich.entry_z, 0.06 * rich.entry_z, rich.entry_z};
    track = *gas_segment(rich, ray_from_slopes(entry, 0.08, 0.06));
    half = rich.half_at(track.exit);
    emission = EmissionPoint(rich, half, track);
    const Frame frame = frame_around(track.direction());
    Draws draws(1, Draws::Part::light_rich1, 0);
    for (std::size_t i = 0; i < kCount; ++i) {
      const double theta = draws.uniform(0.005, 0.054);
      const double phi = draws.uniform(-std::numbers::pi, std::numbers::pi);
      const auto path = trace_on(rich, half, {track.middle(), direction_around(frame, theta, phi)});
      const Vector3 point =
          (1 / rich.mirror_radius) * (unfold(rich, rich.fold(half, path->hit)) - rich.mirror_centre);
      x.push_back(static_cast<float>(point.x));
      y.push_back(static_cast<float>(point.y));
      z.push_back(static_cast<float>(point.z));
      hits.push_back(path->hit);
      sine.push_back(std::sin(theta));
    }
  }

  static constexpr std::size_t kCount = 4096;
  Detector detector;
  const Rich& rich;
  Segment track;
  Half half = Half::positive;
  EmissionPoint emission;
  std::vector<float> x, y, z;
  std::vector<Vector3> hits;
  std::vector<double> sine;
};

/// What a solver starts from, in units of the radius.
struct Plane {
  float e, d_x, d_y2;
};

/// Coefficients of s^0 ... s^3, monic.
struct Monic {
  explicit Monic(const Plane& at) : d_y(std::sqrt(at.d_y2)) {
    const float d2 = fma(at.d_x, at.d_x, at.d_y2);
    const float scale = 1 / (4 * at.e * at.e * d2);
    a3 = -4 * at.e * at.e * d_y * scale;
    a2 = fma(scale, fma(at.e + at.d_x, at.e + at.d_x, at.d_y2), -1);
    a1 = scale * 2 * at.e * d_y * (at.e - at.d_x);
    a0 = scale * (at.e * at.e - 1) * at.d_y2;
  }
  float value(float s) const { return fma(fma(fma(s + a3, s, a2), s, a1), s, a0); }
  float slope(float s) const { return fma(fma(fma(4, s, 3 * a3), s, 2 * a2), s, a1); }
  float bend(float s) const { return fma(fma(12, s, 6 * a3), s, 2 * a2); }

  float d_y, a3, a2, a1, a0;
};

float paraxial_sine(const Plane& at, float d_y) {
  const float d = std::sqrt(fma(at.d_x, at.d_x, at.d_y2));
  const float quotient = 1 / (at.d_x * fma(1 - 2 * at.e, d, at.e));
  const float tangent = d_y * fma(1 - 2 * at.e, d, at.e) * quotient;
  return fma(tangent * tangent * tangent, -1.0f / 3, tangent) * d * (1 - at.e) * at.d_x * quotient;
}

// Solvers give t = s / d_y.

struct ParaxialNewton {
  static float solve(const Plane& at) {
    const Monic quartic(at);
    float s = paraxial_sine(at, quartic.d_y);
    s -= quartic.value(s) / quartic.slope(s);
    s -= quartic.value(s) / quartic.slope(s);
    return s / quartic.d_y;
  }
};

struct ParaxialHalley {
  static float solve(const Plane& at) {
    const Monic quartic(at);
    const float s = paraxial_sine(at, quartic.d_y);
    const float value = quartic.value(s);
    const float slope = quartic.slope(s);
    return (s - 2 * value * slope / fma(2 * slope, slope, -value * quartic.bend(s))) / quartic.d_y;
  }
};

/// The scheme of LHCb's reconstruction and of Allen (QuarticSolverNewton<2, 2>), written anew: bisections of
/// [0, 0.5] that prefer its lower part, then Newton steps a little too long.
struct BisectionNewton {
  static float solve(const Plane& at) {
    const Monic quartic(at);
    float low = 0;
    float high = 0.5f;
    float s = 0.2f;
    const auto halve = [&] {
      const bool below = quartic.value(s) * quartic.value(low) < 0;
      high = below ? s : high;
      low = below ? low : s;
      s = (low + high) * 0.4f;
    };
    halve();
    halve();
    s -= 1.04f * quartic.value(s) / quartic.slope(s);
    s -= 1.04f * quartic.value(s) / quartic.slope(s);
    return s / quartic.d_y;
  }
};

/// The closed form in double.
struct Ferrari {
  static float solve(const Plane& at) {
    using Complex = std::complex<double>;
    const double e = at.e;
    const double d_y2 = at.d_y2;
    const double d_x = at.d_x;
    const double d_y = std::sqrt(d_y2);
    const double scale = 1 / (4 * e * e * (d_x * d_x + d_y2));
    const double a3 = -4 * e * e * d_y * scale;
    const double a2 = (d_y2 + (e + d_x) * (e + d_x)) * scale - 1;
    const double a1 = 2 * e * d_y * (e - d_x) * scale;
    const double a0 = (e * e - 1) * d_y2 * scale;
    const double p = a2 - 0.375 * a3 * a3;
    const double q = a1 - 0.5 * a3 * a2 + 0.125 * a3 * a3 * a3;
    const double r = a0 - 0.25 * a3 * a1 + a3 * a3 * a2 / 16 - 3 * a3 * a3 * a3 * a3 / 256;
    const double cubic_p = -p * p / 12 - r;
    const double cubic_q = -p * p * p / 108 + p * r / 3 - q * q / 8;
    const Complex root = std::sqrt(Complex(cubic_q * cubic_q / 4 + cubic_p * cubic_p * cubic_p / 27));
    const Complex larger = cubic_q > 0 ? -cubic_q / 2 - root : -cubic_q / 2 + root;
    const Complex u = std::pow(larger, 1.0 / 3);
    const double m = (u - cubic_p / (3.0 * u)).real() - p / 3;
    const double w = std::copysign(std::sqrt(2 * m), -q);
    const double y = 0.5 * (w + std::sqrt(-(2 * p + 2 * m + 2 * q / w)));
    return static_cast<float>((y - 0.25 * a3) / d_y);
  }
};

[[gnu::always_inline]] inline float along(const float* axis, float x, float y, float z) {
  return fma(axis[0], x, fma(axis[1], y, axis[2] * z));
}

template <class Solver>
void sines(const EmissionPoint& emission, const Photons& photons, float* out) {
  const EmissionPoint at = emission;
  const float* in_x = photons.x.data();
  const float* in_y = photons.y.data();
  const float* in_z = photons.z.data();
#pragma GCC ivdep
  for (std::size_t i = 0; i < Photons::kCount; ++i) {
    const float d_x = along(at.axis, in_x[i], in_y[i], in_z[i]);
    const float across_x = along(at.across[0], in_x[i], in_y[i], in_z[i]);
    const float across_y = along(at.across[1], in_x[i], in_y[i], in_z[i]);
    const float across_z = along(at.across[2], in_x[i], in_y[i], in_z[i]);
    const float d_y2 = fma(across_x, across_x, fma(across_y, across_y, across_z * across_z));
    const float t = Solver::solve({at.e, d_x, d_y2});
    const float ahead = std::sqrt(1 - t * t * d_y2) - at.e;
    const float photon_x = fma(t, across_x, ahead * at.direction[0]);
    const float photon_y = fma(t, across_y, ahead * at.direction[1]);
    const float photon_z = fma(t, across_z, ahead * at.direction[2]);
    const float sine2 = fma(photon_x, photon_x, photon_y * photon_y);
    out[i] = std::sqrt(sine2 / fma(photon_z, photon_z, sine2));
  }
}

double largest_error(const Photons& photons, const std::vector<float>& sine) {
  double largest = 0;
  for (std::size_t i = 0; i < sine.size(); ++i)
    if (const double error = std::abs(static_cast<double>(sine[i]) - photons.sine[i]); !(error <= largest))
      largest = error;
  return largest;
}

template <class Solver>
void up_to_sine(benchmark::State& state) {
  const Photons photons(static_cast<RichId>(state.range(0)));
  std::vector<float> sine(Photons::kCount);
  for (auto _ : state) {
    sines<Solver>(photons.emission, photons, sine.data());
    benchmark::DoNotOptimize(sine.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(Photons::kCount));
  state.counters["error"] = largest_error(photons, sine);
}

void our_theta_and_phi(benchmark::State& state) {
  const Photons photons(static_cast<RichId>(state.range(0)));
  std::vector<float> theta(Photons::kCount);
  std::vector<float> phi(Photons::kCount);
  for (auto _ : state) {
    fast_angles(photons.emission, {photons.x, photons.y, photons.z}, theta, phi);
    benchmark::DoNotOptimize(theta.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(Photons::kCount));
  for (float& angle : theta) angle = std::sin(angle);
  state.counters["error"] = largest_error(photons, theta);
}

void reference_theta_and_phi(benchmark::State& state) {
  const Photons photons(static_cast<RichId>(state.range(0)));
  for (auto _ : state)
    for (const Vector3& hit : photons.hits)
      benchmark::DoNotOptimize(reference_angles(photons.rich, photons.half, photons.track, hit));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(Photons::kCount));
}

BENCHMARK(up_to_sine<ParaxialNewton>)->Arg(0)->Arg(1);
BENCHMARK(up_to_sine<ParaxialHalley>)->Arg(0)->Arg(1);
BENCHMARK(up_to_sine<BisectionNewton>)->Arg(0)->Arg(1);
BENCHMARK(up_to_sine<Ferrari>)->Arg(0)->Arg(1);
BENCHMARK(our_theta_and_phi)->Arg(0)->Arg(1);
BENCHMARK(reference_theta_and_phi)->Arg(0)->Arg(1);

}  // namespace
}  // namespace annulus::rich

BENCHMARK_MAIN();
