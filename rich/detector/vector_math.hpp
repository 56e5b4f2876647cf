// Arithmetic for loops over photons that the compiler is to turn into vector instructions.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace annulus::rich {

/// a b + c, rounded once if kFused: for functions compiled for processors that can (`fma`).
template <bool kFused>
[[gnu::always_inline]] inline float multiply_add(float a, float b, float c) {
  if constexpr (kFused) return __builtin_fmaf(a, b, c);
  return a * b + c;
}

/// Arc tangent on [0, 1], by Remez' exchange, right to 5e-8.
template <bool kFused>
[[gnu::always_inline]] inline float vector_atan_below_one(float t) {
  const auto next = [t2 = t * t](float sum, float coefficient) {
    return multiply_add<kFused>(sum, t2, coefficient);
  };
  float sum = next(-0.0043554088f, 0.0230401466f);
  sum = next(sum, -0.0577736045f);
  sum = next(sum, 0.0979423557f);
  sum = next(sum, -0.1397658248f);
  sum = next(sum, 0.1996270404f);
  sum = next(sum, -0.3333165904f);
  return multiply_add<kFused>(sum * (t * t), t, t);
}

/// atan2 for vectors of floats: one division, no branches, right to 4e-7 rad: twice the rounding of pi.
template <bool kFused = false>
[[gnu::always_inline]] inline float vector_atan2(float y, float x) {
  constexpr float kPi = std::numbers::pi_v<float>;
  const float abs_x = std::abs(x);
  const float abs_y = std::abs(y);
  const float larger = abs_x > abs_y ? abs_x : abs_y;
  const float smaller = abs_x > abs_y ? abs_y : abs_x;
  float angle = vector_atan_below_one<kFused>(smaller / (larger + 1e-30f));  // that of (0, 0) is 0
  angle = abs_y > abs_x ? kPi / 2 - angle : angle;
  angle = x < 0 ? kPi - angle : angle;
  return std::copysign(angle, y);
}

}  // namespace annulus::rich
