// The whole network's update on the GPU: the rules of optimizer_rules.hpp over the flat arena, cut into
// pieces, and sums of squares in an order that depends on the layout alone. No CUDA in here.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "base/host_device.hpp"
#include "comm/cuda/quad.hpp"
#include "trainer/backend/contract/optimizer_state.hpp"
#include "trainer/backend/rules/optimizer_rules.hpp"
#include "trainer/backend/rules/update_pieces.hpp"
#include "trainer/backend/rules/update_rules.hpp"

namespace annulus::trainer::cuda {

/// Sums over a piece are taken in so many lanes; one block updates one piece.
constexpr int kPieceLanes = 256;

/// What changes from step to step, beside StepScalars; in device memory. Prepared in double on the host, as
/// the host's optimizer does.
struct UpdateScalars {
  double learning_rate = 0;
  double samples = 1;     ///< of the step over all ranks
  double loss_limit = 0;  ///< of the mean loss
  AdamBias bias = {};     ///< of adam, if the step before made an update
  /// The same if it made none: the host may not know yet, and Adam's factors depend on the number of updates.
  AdamBias bias_if_skipped = {};
};

/// What the GPU decides about a step, and keeps for the next one.
struct UpdateDecision {
  Verdict verdict;
  AdamBias bias;
};

/// What a step reports to the host.
struct StepReport {
  float loss = 0;
  float correct = 0;
  float top = 0;                ///< label among the k largest
  double gradient_squares = 0;  ///< of the gradient sum
  Verdict verdict = Verdict::good;
  std::int32_t bad_segment = -1;  ///< first one whose gradient is not finite
};

/// The optimizer's states, as many as it has.
struct StateArenas {
  float* at[kMostStates] = {};
};

/// Sums of squares of one step. Entry 0 is over all pieces, entry 1 + s over segment s.
struct SquareSums {
  const double* gradients;
  const double* parameters;  ///< for a trust ratio only
};

/// squares[p] = sum of squares of piece p, whose lane l takes elements l, l + kPieceLanes, ... Bodies over
/// pieces have lane(piece, lane), whose results are summed over the lanes in a binary tree, and finish(piece,
/// sum). This one has four neighbouring lanes of a thread at a time, so that they are read at once.
struct PieceSquaresBody {
  const Piece* pieces;
  const float* values;
  double* squares;
  ANNULUS_DEVICE void four_lanes(std::int64_t p, int first, double (&sums)[4]) const {
    const Piece piece = pieces[p];
    const float* const from = values + piece.begin;
    const bool in_quads = comm::quads_fit(from);
    for (double& sum : sums) sum = 0;
    for (std::int32_t i = first; i < piece.count; i += kPieceLanes) {
      const std::int32_t count = piece.count - i < 4 ? piece.count - i : 4;
      comm::Quad quad{};
      if (in_quads && count == 4)
        quad = comm::load_quad(from + i);
      else
        for (std::int32_t k = 0; k < count; ++k) quad.values[k] = from[i + k];
      for (std::int32_t k = 0; k < count; ++k) {
        const double value = quad.values[k];
        sums[k] += value * value;
      }
    }
  }
  ANNULUS_DEVICE void finish(std::int64_t p, double sum) const { squares[p] = sum; }
};

/// totals[r] = sum over the pieces of range r.
struct RangeSumBody {
  const PieceRange* ranges;
  const double* squares;
  double* totals;
  ANNULUS_DEVICE double lane(std::int64_t r, int lane) const {
    double sum = 0;
    for (std::int64_t p = ranges[r].begin + lane; p < ranges[r].end; p += kPieceLanes) sum += squares[p];
    return sum;
  }
  ANNULUS_DEVICE void finish(std::int64_t r, double sum) const { totals[r] = sum; }
};

/// Decides whether the step may change anything, and reports. One piece: the statistics.
struct JudgeBody {
  const UpdateScalars* scalars;
  const float* head;  ///< of the sums over all shards: loss, correct, samples, among the k largest
  const float* statistics_sums;
  std::int64_t statistics_count;
  const double* totals;  ///< squares of the gradient: all of it, then each segment
  std::int64_t segments;
  UpdateDecision* decision;  ///< in: of the step before
  StepReport* report;
  ANNULUS_DEVICE double lane(std::int64_t, int lane) const {
    double bad = 0;
    for (std::int64_t i = lane; i < statistics_count; i += kPieceLanes)
      bad += rules::is_finite(static_cast<double>(statistics_sums[i])) ? 0 : 1;
    return bad;
  }
  ANNULUS_DEVICE void finish(std::int64_t, double bad_statistics) const {
    const Verdict verdict = rules::judge(
        {static_cast<double>(head[0]), scalars->samples, scalars->loss_limit, totals[0], bad_statistics});
    decision->bias = decision->verdict == Verdict::good ? scalars->bias : scalars->bias_if_skipped;
    decision->verdict = verdict;
    report->loss = head[0];
    report->correct = head[1];
    report->top = head[3];
    report->gradient_squares = totals[0];
    report->verdict = verdict;
    report->bad_segment = first_bad_segment();
  }
  ANNULUS_DEVICE std::int32_t first_bad_segment() const {
    if (rules::is_finite(totals[0])) return -1;
    for (std::int64_t s = 0; s < segments; ++s)
      if (!rules::is_finite(totals[1 + s])) return static_cast<std::int32_t>(s);
    return -1;
  }
};

/// Updates a piece, four neighbours of a tensor at a time, unless the step is to change nothing.
struct UpdateBody {
  OptimizerConfig config;
  const UpdateScalars* scalars;
  const UpdateDecision* decision;
  const Piece* pieces;
  const SegmentRule* rules_of;  ///< by segment
  SquareSums sums;
  const float* gradients;
  float* parameters;
  StateArenas states;

  ANNULUS_DEVICE TensorStep tensor_step(std::int32_t segment, bool has_trust_ratio) const {
    const SegmentRule& rule = rules_of[segment];
    TensorStep step{rules::gradient_scale(config, scalars->samples, sums.gradients[0]),
                    scalars->learning_rate, rule.decay, decision->bias};
    if (has_trust_ratio && rule.is_kernel != 0)
      step.rate =
          rules::trusted_rate(config, step.rate, std::sqrt(sums.gradients[1 + segment]) * step.gradient_scale,
                              std::sqrt(sums.parameters[1 + segment]));
    return step;
  }

  template <class Rule, std::size_t... State>
  ANNULUS_DEVICE void update(const Piece& piece, int lane, std::index_sequence<State...>) const {
    const Rule rule(config, tensor_step(piece.segment, Rule::kTrustRatio));
    const std::int64_t end = piece.begin + piece.count;
    if (!comm::quads_fit(parameters + piece.begin, gradients + piece.begin,
                         states.at[State] + piece.begin...)) {
      for (std::int64_t i = piece.begin + lane; i < end; i += kPieceLanes)
        rule(parameters[i], gradients[i], states.at[State][i]...);
      return;
    }
    std::int64_t i = piece.begin + 4 * lane;
    for (; i + 4 <= end; i += std::int64_t{4} * kPieceLanes) {
      comm::Quad parameter = comm::load_quad(parameters + i);
      const comm::Quad gradient = comm::load_quad(gradients + i);
      [[maybe_unused]] comm::Quad state[] = {comm::load_quad(states.at[State] + i)..., {}};
      for (int k = 0; k < 4; ++k) rule(parameter.values[k], gradient.values[k], state[State].values[k]...);
      comm::store_quad(parameters + i, parameter);
      (comm::store_quad(states.at[State] + i, state[State]), ...);
    }
    for (; i < end; ++i) rule(parameters[i], gradients[i], states.at[State][i]...);  // of the last lane
  }

  ANNULUS_DEVICE void lane(std::int64_t p, int lane) const {
    if (decision->verdict != Verdict::good) return;
    const Piece piece = pieces[p];
    with_rule(config, [&](auto type) {
      using Rule = typename decltype(type)::Rule;
      static_assert(Rule::kStates.size() <= kMostStates);
      update<Rule>(piece, lane, std::make_index_sequence<Rule::kStates.size()>());
    });
  }
};

/// Moving average i of batch norm.
struct MovingAverageBody {
  const UpdateScalars* scalars;
  const UpdateDecision* decision;
  const float* momenta;  ///< by element
  const float* sums;
  float* moving;
  std::int64_t count;

  ANNULUS_DEVICE std::int64_t indices() const { return count; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    if (decision->verdict != Verdict::good) return;
    const float scale = static_cast<float>(1.0 / scalars->samples);
    rules::moving_average(momenta[i], scale, sums[i], moving[i]);
  }
};

}  // namespace annulus::trainer::cuda
