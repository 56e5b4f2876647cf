#include "rich/simulation/draws.hpp"

#include "base/error.hpp"

namespace annulus::rich {

std::size_t Draws::choice(std::span<const double> shares) {
  const double at = unit();
  double sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    sum += shares[i];
    if (at < sum) return i;
  }
  // Rounding left the sum below 1: the last one that can happen.
  std::size_t last = shares.size() - 1;
  while (last > 0 && shares[last] == 0) --last;
  return last;
}

std::uint32_t Draws::poisson(double mean) {
  constexpr double kLargestMean = 700;
  expect_contract(mean >= 0 && mean < kLargestMean, "the mean of a Poisson draw is in [0, 700)");
  if (mean == 0) return 0;
  // 64 bits: with 32 the upper tail would end at six sigma.
  const double high_bits = unit();
  double left = high_bits + (unit() - 0.5) * 0x1p-32;
  double probability = std::exp(-mean);
  std::uint32_t count = 0;
  // The bound is far beyond any number that can be drawn; it ends the sum where rounding leaves a rest.
  const auto most = static_cast<std::uint32_t>(mean + 40 * std::sqrt(mean) + 40);
  while (left > probability && count < most) {
    left -= probability;
    ++count;
    probability *= mean / count;
  }
  return count;
}

}  // namespace annulus::rich
