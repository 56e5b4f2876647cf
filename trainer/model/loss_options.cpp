// See loss_options.hpp.
#include "trainer/model/loss_options.hpp"

#include "base/error.hpp"

namespace annulus::trainer {

bool class_weights_fit(const LossOptions& loss, std::int64_t classes) {
  return loss.class_weights.empty() || static_cast<std::int64_t>(loss.class_weights.size()) == classes;
}

void check_class_weights(const LossOptions& loss, std::int64_t classes) {
  if (class_weights_fit(loss, classes)) return;
  throw UsageError(
      "{} class weights are given, but the network puts out {} classes. Give one weight a class.",
      loss.class_weights.size(), classes);
}

}  // namespace annulus::trainer
