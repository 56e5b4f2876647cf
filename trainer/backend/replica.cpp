// Defaults of the backend contract.
#include "trainer/backend/replica.hpp"

namespace annulus::trainer {

void Replica::predict_blocks(std::span<const PredictBlock> blocks) {
  for (const PredictBlock& block : blocks) predict(block.images, block.samples, block.probabilities);
}

}  // namespace annulus::trainer
