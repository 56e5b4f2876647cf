// One update as a sequence of bodies, for any executor: the GPU's, or loops on the host.
#pragma once

#include <cstdint>

#include "trainer/backend/cuda/kernels/optimizer_body.hpp"

namespace annulus::trainer::cuda {

/// All pointers are to memory of the device.
struct UpdateCall {
  OptimizerConfig config;
  const UpdateScalars* scalars = nullptr;
  const Piece* pieces = nullptr;
  std::int64_t pieces_count = 0;
  const PieceRange* ranges = nullptr;  ///< all pieces, then each segment's
  std::int64_t ranges_count = 0;
  const SegmentRule* rules_of = nullptr;
  const float* head = nullptr;       ///< of the sums over all shards
  const float* gradients = nullptr;  ///< sum over all shards
  float* parameters = nullptr;
  StateArenas states = {};
  double* gradient_squares = nullptr;   ///< (pieces), scratch
  double* parameter_squares = nullptr;  ///< (pieces), scratch of trust ratios, else null
  double* gradient_sums = nullptr;      ///< (ranges), scratch
  double* parameter_sums = nullptr;     ///< (ranges), scratch of trust ratios, else null
  const float* statistics_sums = nullptr;
  const float* momenta = nullptr;  ///< by statistic
  float* statistics = nullptr;
  std::int64_t statistics_count = 0;
  UpdateDecision* decision = nullptr;  ///< kept from step to step; its first contents do not matter
  StepReport* report = nullptr;
};

/// Sums of squares, the decision, the update. An executor has for_each(count, body); for_pieces(count, body),
/// which sums body.lane(piece, lane) over the lanes in a tree and calls body.finish(piece, sum); and
/// update_pieces(count, body), which only calls body.lane(piece, lane).
template <class Executor>
void apply(const UpdateCall& call, const Executor& executor) {
  executor.for_pieces(call.pieces_count,
                      PieceSquaresBody{call.pieces, call.gradients, call.gradient_squares});
  executor.for_pieces(call.ranges_count,
                      RangeSumBody{call.ranges, call.gradient_squares, call.gradient_sums});
  if (has_trust_ratio(call.config)) {
    executor.for_pieces(call.pieces_count,
                        PieceSquaresBody{call.pieces, call.parameters, call.parameter_squares});
    executor.for_pieces(call.ranges_count,
                        RangeSumBody{call.ranges, call.parameter_squares, call.parameter_sums});
  }
  executor.for_pieces(1, JudgeBody{call.scalars, call.head, call.statistics_sums, call.statistics_count,
                                   call.gradient_sums, call.ranges_count - 1, call.decision, call.report});
  executor.update_pieces(call.pieces_count,
                         UpdateBody{call.config, call.scalars, call.decision, call.pieces, call.rules_of,
                                    SquareSums{call.gradient_sums, call.parameter_sums}, call.gradients,
                                    call.parameters, call.states});
  executor.for_each(call.statistics_count, MovingAverageBody{call.scalars, call.decision, call.momenta,
                                                             call.statistics_sums, call.statistics});
}

}  // namespace annulus::trainer::cuda
