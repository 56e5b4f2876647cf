// What changes from update to update on the GPU, prepared on the host. No CUDA in here.
#pragma once

#include <cstdint>
#include <limits>

#include "trainer/backend/cuda/kernels/optimizer_body.hpp"

namespace annulus::trainer::cuda {

/// What update number `t` (from 1 on) needs to know.
struct UpdateStep {
  double learning_rate = 0;
  std::int64_t samples = 1;
  std::uint64_t t = 1;
  std::uint64_t t_if_skipped = t;  ///< number of the update if the step before turns out to have made none
  double loss_limit = std::numeric_limits<double>::infinity();
};
inline UpdateScalars update_scalars(const OptimizerConfig& config, const UpdateStep& step) {
  return {.learning_rate = step.learning_rate,
          .samples = static_cast<double>(step.samples),
          .loss_limit = step.loss_limit,
          .bias = adam_bias(config, step.t, step.learning_rate),
          .bias_if_skipped = adam_bias(config, step.t_if_skipped, step.learning_rate)};
}

}  // namespace annulus::trainer::cuda
