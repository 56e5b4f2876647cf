// The arithmetic is in rules.hpp.
#include "io/augmentation/plan.hpp"

#include "io/augmentation/rules.hpp"

namespace annulus::io {

AugmentationPlan draw_plan(const AugmentationOptions& options, const SampleShape& shape,
                           std::array<std::uint32_t, 2> key, SampleKey sample) {
  return rules::plan_of(options, shape, key, sample);
}

}  // namespace annulus::io
