// The quartic of LHCb-98-040 solved in closed form, the way of Ferrari: slow and sensitive to rounding, but
// independent of the solvers it judges.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <vector>

#include "rich/reconstruction/quartic.hpp"

namespace annulus::rich::test {

/// Coefficients of s^4 ... s^0 for lengths in units of the radius (LHCb-98-040, eq. 3).
inline std::array<long double, 5> quartic_coefficients(const MirrorTriangle& triangle) {
  const long double e = triangle.e;
  const long double x = triangle.d_x;
  const long double y = triangle.d_y;
  const long double ed2 = 4 * e * e * (x * x + y * y);
  return {ed2, -4 * e * e * y, y * y + (e + x) * (e + x) - ed2, 2 * e * y * (e - x), (e * e - 1) * y * y};
}

/// Real roots in ascending order.
inline std::vector<double> ferrari_roots(const MirrorTriangle& triangle) {
  using Complex = std::complex<long double>;
  const auto c = quartic_coefficients(triangle);
  const long double b = c[1] / c[0];
  // Depressed: y^4 + p y^2 + q y + r with s = y - b/4.
  const long double p = c[2] / c[0] - 3 * b * b / 8;
  const long double q = c[3] / c[0] - b * c[2] / c[0] / 2 + b * b * b / 8;
  const long double r =
      c[4] / c[0] - b * c[3] / c[0] / 4 + b * b * c[2] / c[0] / 16 - 3 * b * b * b * b / 256;
  // A root of the resolvent cubic m^3 + p m^2 + (p^2/4 - r) m - q^2/8 = 0, by Cardano.
  const long double shift = p / 3;
  const long double cubic_p = (p * p / 4 - r) - p * p / 3;
  const long double cubic_q = 2 * p * p * p / 27 - p * (p * p / 4 - r) / 3 - q * q / 8;
  const Complex root = std::sqrt(Complex(cubic_q * cubic_q / 4 + cubic_p * cubic_p * cubic_p / 27));
  const Complex a = -cubic_q / 2 + root;
  const Complex d = -cubic_q / 2 - root;
  const Complex u = std::pow(std::abs(a) > std::abs(d) ? a : d, 1.0L / 3);
  const Complex m = u - cubic_p / (3.0L * u) - shift;
  const Complex w = std::sqrt(2.0L * m);
  std::vector<double> roots;
  for (const long double sign : {1.0L, -1.0L}) {
    const Complex half = std::sqrt(-(2 * p + 2.0L * m + sign * 2.0L * q / w));
    for (const long double other : {1.0L, -1.0L}) {
      const Complex y = (sign * w + other * half) / 2.0L;
      const Complex s = y - b / 4;
      if (std::abs(s.imag()) < 1e-9L) roots.push_back(static_cast<double>(s.real()));
    }
  }
  std::ranges::sort(roots);
  return roots;
}

}  // namespace annulus::rich::test
