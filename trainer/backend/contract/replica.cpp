// Defaults of the backend contract.
#include "trainer/backend/contract/replica.hpp"

#include "trainer/backend/contract/batch_predictor.hpp"

namespace annulus::trainer {

void Replica::predict_blocks(std::span<const PredictBlock> blocks) {
  for (const PredictBlock& block : blocks) predict(block);
}

std::unique_ptr<BatchPredictor> Replica::make_predictor(const PredictorOptions&) { return nullptr; }

}  // namespace annulus::trainer
