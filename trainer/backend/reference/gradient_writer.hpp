// Puts one shard's results into its gradient buffer and reports buckets as they fill.
#pragma once

#include <cstdint>
#include <span>

#include "comm/host/gradient_reducer.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/reference/graph_pass.hpp"
#include "trainer/backend/reference/softmax_loss.hpp"

namespace annulus::trainer::reference {

class GradientWriter {
 public:
  /// Takes the shard's buffer from the reducer and clears it.
  GradientWriter(comm::GradientReducer& reducer, const ArenaLayout& layout, std::int64_t shard);

  /// Head and batch-norm statistics, known once forward is over.
  void write_head(const GraphPass& pass, const LossResult& loss, std::int64_t samples);
  /// The parameter gradients of this layer; layers come from the last to the first.
  void write_gradients(const GraphPass& pass, int layer);
  /// All buckets not yet reported are complete.
  void finish();

 private:
  /// Reports the buckets that end at or before this element.
  void filled_up_to(std::size_t end);

  comm::GradientReducer& reducer_;
  const ArenaLayout& layout_;
  std::int64_t shard_;
  std::span<float> buffer_;
  std::size_t next_segment_ = 0;
  std::size_t next_bucket_ = 0;
};

}  // namespace annulus::trainer::reference
