// Defaults of the backend contract.
#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

void Replica::predict_blocks(std::span<const PredictBlock> blocks) {
  for (const PredictBlock& block : blocks) predict(block);
}

}  // namespace annulus::trainer
