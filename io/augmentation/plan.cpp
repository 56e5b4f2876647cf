// The arithmetic is in rules.hpp.
#include "io/augmentation/plan.hpp"

#include "io/augmentation/rules.hpp"

namespace annulus::io {

std::array<std::int32_t, 6> affine_matrix(const AffineParameters& parameters, const SampleShape& shape) {
  return rules::fixed_matrix(parameters, shape);
}

AugmentationPlan draw_plan(const AugmentationOptions& options, const SampleShape& shape,
                           std::array<std::uint32_t, 2> key, SampleKey sample) {
  return rules::plan_of(options, shape, key, sample);
}

}  // namespace annulus::io
