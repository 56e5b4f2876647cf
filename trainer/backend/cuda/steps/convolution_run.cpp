// What a plan has chosen, for the account.
#include <fmt/format.h>

#include "trainer/backend/cuda/steps/convolution_plan.hpp"

namespace annulus::trainer::cuda {

ConvolutionRun ConvolutionPlan::describe_run() const {
  using Way = ConvolutionRun::Way;
  const bool nothing_to_add = !options_.bias && options_.activation == Activation::none;
  const auto words = [](const char* direction, const auto& choice) {
    if (choice.runner == Runner::own) return fmt::format("{} plain", direction);
    return fmt::format("{} {}{}", direction, fmt::underlying(choice.algorithm),
                       choice.runner == Runner::groups ? " by groups" : "");
  };
  ConvolutionRun run{.choices = words("forward", forward_)};
  if (forward_.runner == Runner::fused || (forward_.runner == Runner::library && nothing_to_add))
    run.forward = Way::fused;
  else
    run.forward = forward_.runner == Runner::own ? Way::plain : Way::unfused;
  if (forward_.runner == Runner::fused) run.choices += " fused";
  const auto backward = [&](const char* direction, const auto& choice) {
    ++run.gradients;
    if (choice.runner == Runner::own) ++run.plain_gradients;
    run.choices += ", " + words(direction, choice);
  };
  if (options_.directions == Directions::all) backward("input", data_);
  if (options_.directions != Directions::forward) backward("kernel", kernel_);
  return run;
}

}  // namespace annulus::trainer::cuda
