// See optimizer_kernels.hpp.
#include "trainer/optimizer_kernels.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace annulus::trainer {
namespace {

/// States decay towards zero and would get stuck at subnormal values, on which the processor is about a
/// hundred times slower.
inline float without_subnormals(float value) {
  return std::fabs(value) < std::numeric_limits<float>::min() ? 0.0f : value;
}

}  // namespace

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

void sgd_plain(const SgdFactors& factors, const UpdateRun& run) {
  const auto [scale, decay, momentum, rate] = factors;
  float* __restrict w = run.parameters.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) w[i] -= rate * (scale * g[i] + decay * w[i]);
}

void sgd_momentum(const SgdFactors& factors, const UpdateRun& run) {
  const auto [scale, decay, momentum, rate] = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) {
    v[i] = without_subnormals(momentum * v[i] + (scale * g[i] + decay * w[i]));
    w[i] -= rate * v[i];
  }
}

void sgd_nesterov(const SgdFactors& factors, const UpdateRun& run) {
  const auto [scale, decay, momentum, rate] = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) {
    const float gradient = scale * g[i] + decay * w[i];
    v[i] = without_subnormals(momentum * v[i] + gradient);
    w[i] -= rate * (gradient + momentum * v[i]);
  }
}

void lars(const SgdFactors& factors, const UpdateRun& run) {
  const auto [scale, decay, momentum, rate] = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict v = run.first.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) {
    v[i] = without_subnormals(momentum * v[i] + rate * (scale * g[i] + decay * w[i]));
    w[i] -= v[i];
  }
}

void adam(const AdamFactors& factors, const UpdateRun& run) {
  const AdamFactors f = factors;
  float* __restrict w = run.parameters.data();
  float* __restrict m = run.first.data();
  float* __restrict v = run.second.data();
  const float* __restrict g = run.gradients.data();
  for (std::size_t i = 0; i < run.parameters.size(); ++i) {
    const float gradient = f.gradient_scale * g[i] + f.decay * w[i];
    m[i] = without_subnormals(f.beta1 * m[i] + f.one_minus_beta1 * gradient);
    v[i] = without_subnormals(f.beta2 * v[i] + f.one_minus_beta2 * (gradient * gradient));
    const float denominator = std::sqrt(v[i]) * f.second_root_factor + f.epsilon;
    w[i] = w[i] * f.shrink - f.step_size * (m[i] / denominator);
  }
}

void moving_average(float momentum, float scale, std::span<const float> sums, std::span<float> moving) {
  const float share = static_cast<float>(1.0 - double{momentum});
  for (std::size_t i = 0; i < moving.size(); ++i)
    moving[i] = momentum * moving[i] + share * (sums[i] * scale);
}

}  // namespace annulus::trainer
