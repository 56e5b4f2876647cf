// The loss as a configuration describes it; backends compute it.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::trainer {

/// Softmax cross entropy on the network's last layer.
struct LossOptions {
  float label_smoothing = 0;         ///< in [0, 1): target = (1 - s) * onehot + s / classes
  bool smooth_validation = false;    ///< losses of evaluations have label smoothing, too, as Keras' val_loss
  std::vector<float> class_weights;  ///< per class, or empty for all one; the sum is still divided by samples
  int top_k = 0;                     ///< count samples whose label is among the k largest outputs; 0 = do not
};

/// Whether there is one weight per class, or none at all.
bool class_weights_fit(const LossOptions& loss, std::int64_t classes);
/// @throws UsageError where they do not
void check_class_weights(const LossOptions& loss, std::int64_t classes);

}  // namespace annulus::trainer
