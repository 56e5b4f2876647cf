// Arithmetic for loops over photons that the compiler is to turn into vector instructions.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace annulus::rich {

/// atan2 for vectors of floats, y >= 0 or not, right to 2e-7 rad (Abramowitz and Stegun 4.4.49, refitted).
inline float vector_atan2(float y, float x) {
  constexpr float kPi = std::numbers::pi_v<float>;
  const float abs_x = std::abs(x);
  const float abs_y = std::abs(y);
  const float larger = std::max(abs_x, abs_y);
  const float smaller = std::min(abs_x, abs_y);
  // atan(t) = pi/4 + atan((t - 1)/(t + 1)) for t above tan(pi/8) keeps the polynomial short.
  const bool upper = smaller > 0.41421356f * larger;
  const float numerator = upper ? smaller - larger : smaller;
  const float denominator = upper ? smaller + larger : larger;
  const float t = numerator / std::max(denominator, 1e-30f);
  const float t2 = t * t;
  float angle = t + t * t2 *
                        (-3.33333333e-1f +
                         t2 * (1.99999620e-1f + t2 * (-1.42839909e-1f + t2 * (1.09e-1f + t2 * -7.2e-2f))));
  angle += upper ? kPi / 4 : 0.0f;
  angle = abs_y > abs_x ? kPi / 2 - angle : angle;
  angle = x < 0 ? kPi - angle : angle;
  return y < 0 ? -angle : angle;
}

}  // namespace annulus::rich
