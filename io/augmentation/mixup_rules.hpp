// The share of a sample in a mixture: plain arithmetic in double, the same on every machine (no library
// logarithm, exponential, root or cosine).
#pragma once

#include "io/augmentation/crop_rules.hpp"
#include "io/augmentation/rules.hpp"

namespace annulus::io::rules {

/// exp(x) for any x <= 0: x is halved into the range of exponential(), the result squared as often.
constexpr double falling_exponential(double x) {
  if (x < -700) return 0;  // below 1e-304
  int halvings = 0;
  for (; x < -8; x /= 2) ++halvings;
  double value = exponential(x);
  for (; halvings > 0; --halvings) value *= value;
  return value;
}

/// Uniform in (0, 1): the middle of one of 2^32 intervals.
constexpr double inside_unit(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }

/// One number of the beta distribution with both parameters `alpha`, exactly so distributed and without a
/// rejection: with T of Student's distribution with 2 alpha degrees of freedom, 1/2 + T / (2 sqrt(2 alpha +
/// T^2)) has it (Devroye, "Random variate generation in one line of code", 1996), and T comes of two uniform
/// numbers U and V as sqrt(2 alpha (U^(-1 / alpha) - 1)) cos(2 pi V) (Bailey, Mathematics of Computation 62,
/// 1994). Here in a form that does not overflow.
/// @pre alpha > 0
constexpr double symmetric_beta(double alpha, std::uint32_t u, std::uint32_t v) {
  const double power = falling_exponential(logarithm(inside_unit(u)) / alpha);  // U^(1 / alpha)
  const double cosine = angle(360 * inside_unit(v) - 180).cosine;
  const double square = (1 - power) * cosine * cosine;
  const double whole = power + square;
  const double half = whole > 0 ? square_root(square / whole) / 2 : 0.5;
  const double share = cosine < 0 ? 0.5 - half : 0.5 + half;
  return share < 0 ? 0 : share > 1 ? 1 : share;
}

/// Share of a sample's own image, vectors and loss in its mixture. @pre alpha > 0
constexpr float mixup_share(float alpha, const Draws& draws) {
  const auto words = draws.words(Slot::mixup);
  return static_cast<float>(symmetric_beta(alpha, words[0], words[1]));
}

/// A value of a mixture: two products and a sum, each rounded, on every device.
constexpr float mixed(float own, float other, float share) { return share * own + (1.0f - share) * other; }

/// Whom sample i of a shard of n is mixed with.
constexpr std::int64_t partner_of(std::int64_t i, std::int64_t n) { return i + 1 < n ? i + 1 : 0; }

}  // namespace annulus::io::rules
