// One update as a sequence of bodies, for whatever runs them: the GPU, or loops on the host.
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

/// `body` over the pieces [0, count), a block per piece with a thread for each of kPieceLanes lanes:
/// body.lane(piece, lane); or a thread for four: body.four_lanes(piece, first, sums). Where the body has
/// finish(piece, sum), it gets the sum of what the lanes return, added in a tree.
template <class Body>
struct OverPieces {
  std::int64_t count;
  Body body;
};

template <class Body>
constexpr bool has_four_lanes = requires(const Body& body, double (&sums)[4]) {
  body.four_lanes(0, 0, sums);
};

template <class Run>
void sum_squares(const UpdateCall& call, const float* values, double* squares, double* sums, const Run& run) {
  run(OverPieces<PieceSquaresBody>{.count = call.pieces_count,
                                   .body = {.pieces = call.pieces, .values = values, .squares = squares}});
  run(OverPieces<RangeSumBody>{.count = call.ranges_count,
                               .body = {.ranges = call.ranges, .squares = squares, .totals = sums}});
}

/// Sums of squares, the decision, the update.
/// @param run  runs a body, after those before
template <class Run>
void apply(const UpdateCall& call, const Run& run) {
  sum_squares(call, call.gradients, call.gradient_squares, call.gradient_sums, run);
  if (has_trust_ratio(call.config))
    sum_squares(call, call.parameters, call.parameter_squares, call.parameter_sums, run);
  run(OverPieces<JudgeBody>{.count = 1,
                            .body = {.scalars = call.scalars,
                                     .head = call.head,
                                     .statistics_sums = call.statistics_sums,
                                     .statistics_count = call.statistics_count,
                                     .totals = call.gradient_sums,
                                     .segments = call.ranges_count - 1,
                                     .decision = call.decision,
                                     .report = call.report}});
  run(OverPieces<UpdateBody>{.count = call.pieces_count,
                             .body = {.config = call.config,
                                      .scalars = call.scalars,
                                      .decision = call.decision,
                                      .pieces = call.pieces,
                                      .rules_of = call.rules_of,
                                      .sums = {call.gradient_sums, call.parameter_sums},
                                      .gradients = call.gradients,
                                      .parameters = call.parameters,
                                      .states = call.states}});
  run(MovingAverageBody{.scalars = call.scalars,
                        .decision = call.decision,
                        .momenta = call.momenta,
                        .sums = call.statistics_sums,
                        .moving = call.statistics,
                        .count = call.statistics_count});
}

}  // namespace annulus::trainer::cuda
