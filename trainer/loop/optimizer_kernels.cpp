// See optimizer_kernels.hpp.
#include "trainer/loop/optimizer_kernels.hpp"

#include <array>

#include "trainer/backend/rules/update_rules.hpp"

namespace annulus::trainer {

double sum_of_squares(std::span<const float> values) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> lanes{};
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      lanes[lane] += value * value;
    }
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (std::size_t i = whole; i < values.size(); ++i) sum += double{values[i]} * values[i];
  return sum;
}

void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving) {
  for (std::size_t i = 0; i < moving.size(); ++i) rules::moving_average(momentum, scale, sums[i], moving[i]);
}

}  // namespace annulus::trainer
