// The distributions of the simulation over the counter-based generator of base.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>

#include "base/random.hpp"

namespace annulus::rich {

/// One stream of draws; a pure function of (seed, part, event).
class Draws {
 public:
  /// Parts of an event that draw independently: a change in one leaves the others as they are.
  enum class Part : std::uint32_t { particles, light_rich1, light_rich2, noise, measurement, split };

  Draws(std::uint64_t seed, Part part, std::uint64_t event)
      : stream_(seed, Purpose::simulate, static_cast<std::uint32_t>(part), event) {}

  /// Uniform in (0, 1): never an end, so logarithms and quantiles are finite.
  double unit() { return (stream_.next() + 0.5) * 0x1p-32; }
  double uniform(double low, double high) { return low + (high - low) * unit(); }
  double exponential() { return -std::log(unit()); }
  /// Gamma of a whole shape: a sum of exponentials.
  double gamma(int shape) {
    double product = 1;
    for (int i = 0; i < shape; ++i) product *= unit();
    return -std::log(product);
  }
  /// Two independent normal values (Box and Muller).
  std::array<double, 2> normals() {
    const double radius = std::sqrt(-2 * std::log(unit()));
    const double angle = 2 * std::numbers::pi * unit();
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }
  double normal() { return normals()[0]; }
  bool chance(double probability) { return unit() < probability; }
  int sign() { return unit() < 0.5 ? -1 : 1; }
  /// Whole number in [0, count).
  std::uint32_t below(std::uint32_t count) {
    return static_cast<std::uint32_t>((std::uint64_t{stream_.next()} * count) >> 32);
  }
  /// Index i with probability shares[i]. @pre the shares add up to 1
  std::size_t choice(std::span<const double> shares);
  /// Poisson by inversion, from the smallest number up. @pre 0 <= mean < 700, where exp(-mean) is normal
  std::uint32_t poisson(double mean);

 private:
  RandomStream stream_;
};

}  // namespace annulus::rich
