// Windows of max pools, and what every backend makes of them.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace annulus::test {

/// 2 by 2 pixels, row by row.
struct PoolWindow {
  std::string name;
  std::array<float, 4> pixels;
  int winner = 0;  ///< the pixel that is put out and gets the gradient
};

inline std::vector<PoolWindow> pool_windows() {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float lowest = std::numeric_limits<float>::lowest();
  return {{"the largest wins", {1, 2, 9, 3}, 2},
          {"of equals the first wins", {1, 7, 7, 7}, 1},
          {"zeros of both signs are equal", {-0.0f, 0.0f, -1, 0.0f}, 0},
          {"NaN in front wins", {nan, 1, 2, 3}, 0},
          {"NaN behind wins", {1, 2, nan, 9}, 2},
          {"of NaNs the first wins", {1, nan, 5, nan}, 1},
          {"NaN wins over infinity", {inf, 1, nan, inf}, 2},
          {"nothing but NaN", {nan, nan, nan, nan}, 0},
          {"infinity wins", {1, -inf, inf, 2}, 2},
          {"of infinities the first wins", {3, inf, inf, 2}, 1},
          {"-inf loses to any number", {-inf, -inf, lowest, -inf}, 2},
          {"nothing but -inf", {-inf, -inf, -inf, -inf}, 0},
          {"nothing but the lowest", {lowest, lowest, lowest, lowest}, 0},
          {"NaN among -inf", {-inf, -inf, -inf, nan}, 3}};
}

/// Equal, or both NaN.
inline bool same_value(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace annulus::test
