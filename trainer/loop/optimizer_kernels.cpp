// See optimizer_kernels.hpp.
#include "trainer/loop/optimizer_kernels.hpp"

#include <array>

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

// Factors are copied: as references they could lie in what the loop writes, which keeps it from being
// vectorised.

void sgd_plain(const SgdFactors& factors, const UpdateRun& run) {
  const SgdFactors f = factors;
  float* __restrict w = run.parameters.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) rules::sgd_plain(f, w[i], g[i]);
}

void sgd_momentum(const SgdFactors& factors, const UpdateRun& run) {
  const SgdFactors f = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) rules::sgd_momentum(f, w[i], g[i], v[i]);
}

void sgd_nesterov(const SgdFactors& factors, const UpdateRun& run) {
  const SgdFactors f = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) rules::sgd_nesterov(f, w[i], g[i], v[i]);
}

void lars(const SgdFactors& factors, const UpdateRun& run) {
  const SgdFactors f = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) rules::lars(f, w[i], g[i], v[i]);
}

void adam(const AdamFactors& factors, const UpdateRun& run) {
  const AdamFactors f = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict m = run.first.data();
  float* __restrict v = run.second.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) rules::adam(f, w[i], g[i], m[i], v[i]);
}

void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving) {
  for (std::size_t i = 0; i < moving.size(); ++i) rules::moving_average(momentum, scale, sums[i], moving[i]);
}

}  // namespace annulus::trainer
