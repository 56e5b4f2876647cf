// One update as a sequence of bodies, for any executor: the GPU's, or loops on the host.
#pragma once

#include <cstdint>

#include "trainer/backend/cuda/optimizer_body.hpp"

namespace annulus::trainer::cuda {

/// All pointers are to memory of the device.
struct UpdateCall {
  UpdateConstants constants;
  const UpdateScalars* scalars = nullptr;
  const Piece* pieces = nullptr;
  std::int64_t pieces_count = 0;
  const PieceRange* ranges = nullptr;  ///< all pieces, then each segment's
  std::int64_t ranges_count = 0;
  const SegmentRule* rules_of = nullptr;
  const float* head = nullptr;       ///< of the sums over all shards
  const float* gradients = nullptr;  ///< sum over all shards
  float* parameters = nullptr;
  float* first = nullptr;
  float* second = nullptr;
  double* gradient_squares = nullptr;   ///< (pieces), scratch
  double* parameter_squares = nullptr;  ///< (pieces), scratch of lars, else null
  double* gradient_sums = nullptr;      ///< (ranges), scratch
  double* parameter_sums = nullptr;     ///< (ranges), scratch of lars, else null
  const float* statistics_sums = nullptr;
  const float* momenta = nullptr;  ///< by statistic
  float* statistics = nullptr;
  std::int64_t statistics_count = 0;
  StepReport* report = nullptr;
};

/// One pass over memory, or two where norms are needed before the update (clipping, lars). An executor has
/// for_each(count, body) and for_pieces(count, body), which sums body.lane(piece, lane) over the lanes in a
/// tree and calls body.finish(piece, sum).
template <class Executor>
void apply(const UpdateCall& call, const Executor& executor) {
  const bool lars = call.constants.rule == UpdateRule::lars;
  const bool measured = lars || call.constants.clip_norm > 0;
  const RangeSumBody totals{call.ranges, call.gradient_squares, call.gradient_sums, call.head, call.report};
  const std::int64_t ranges = lars ? call.ranges_count : 1;
  if (measured) {
    executor.for_pieces(call.pieces_count,
                        PieceSquaresBody{call.pieces, call.gradients, call.gradient_squares});
    executor.for_pieces(ranges, totals);
  }
  if (lars) {
    executor.for_pieces(call.pieces_count,
                        PieceSquaresBody{call.pieces, call.parameters, call.parameter_squares});
    executor.for_pieces(
        ranges, RangeSumBody{call.ranges, call.parameter_squares, call.parameter_sums, nullptr, nullptr});
  }
  executor.for_pieces(call.pieces_count,
                      UpdateBody{call.constants, call.scalars, call.pieces, call.rules_of,
                                 SquareSums{call.gradient_sums, call.parameter_sums}, call.gradients,
                                 call.parameters, call.first, call.second, call.gradient_squares});
  if (!measured) executor.for_pieces(ranges, totals);
  executor.for_each(call.statistics_count,
                    MovingAverageBody{call.scalars, call.momenta, call.statistics_sums, call.statistics});
}

}  // namespace annulus::trainer::cuda
