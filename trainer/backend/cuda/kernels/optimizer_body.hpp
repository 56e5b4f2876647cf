// The whole network's update on the GPU: the rules of update_rules.hpp over the flat arena, cut into pieces,
// and sums of squares in an order that depends on the layout alone. No CUDA in here.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/host_device.hpp"
#include "trainer/backend/contract/update_rules.hpp"

namespace annulus::trainer::cuda {

constexpr int kPieceLanes = 256;  ///< threads of a block: one block updates one piece
constexpr std::int64_t kPieceElements = 4096;

enum class UpdateRule { sgd_plain, sgd_momentum, sgd_nesterov, lars, adam, adamw };

/// A run of elements of one segment.
struct Piece {
  std::int64_t begin;
  std::int32_t count;
  std::int32_t segment;
};

/// What belongs to a tensor.
struct SegmentRule {
  float decay;
  std::int32_t is_kernel;  ///< has a trust ratio under lars
};

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
  double gradient_squares = 0;  ///< of the gradient sum
  Verdict verdict = Verdict::good;
  std::int32_t bad_segment = -1;  ///< first one whose gradient is not finite
};

/// What stays the same over a run; passed to kernels by value.
struct UpdateConstants {
  UpdateRule rule;
  float momentum;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float epsilon;
  double clip_norm;
  double weight_decay;
  double trust_coefficient;
};

/// Sums of squares of one step. Entry 0 is over all pieces, entry 1 + s over segment s.
struct SquareSums {
  const double* gradients;
  const double* parameters;  ///< lars only
};

/// Factor of the gradient sum: 1 / samples, and clipping.
ANNULUS_DEVICE inline double gradient_scale(const UpdateConstants& c, double samples,
                                            const SquareSums& sums) {
  double scale = 1.0 / samples;
  if (c.clip_norm > 0) {
    const double norm = std::sqrt(sums.gradients[0]) * scale;
    if (norm > c.clip_norm) scale *= c.clip_norm / norm;
  }
  return scale;
}

/// Learning rate of a segment, with its trust ratio under lars.
ANNULUS_DEVICE inline double segment_rate(const UpdateConstants& c, const SegmentRule& rule, double rate,
                                          double gradient, double parameter) {
  if (rule.is_kernel == 0 || gradient == 0 || parameter == 0) return rate;
  return rate * (c.trust_coefficient * parameter / (gradient + c.weight_decay * parameter));
}

/// One lane's share of a piece: elements lane, lane + kPieceLanes, ...
ANNULUS_DEVICE inline double lane_squares(const float* values, const Piece& piece, int lane) {
  double sum = 0;
  for (std::int32_t i = lane; i < piece.count; i += kPieceLanes) {
    const double value = values[piece.begin + i];
    sum += value * value;
  }
  return sum;
}

/// squares[p] = sum of squares of piece p. Bodies over pieces have lane(piece, lane), whose results are
/// summed over the lanes in a binary tree, and finish(piece, sum).
struct PieceSquaresBody {
  const Piece* pieces;
  const float* values;
  double* squares;
  ANNULUS_DEVICE double lane(std::int64_t p, int lane) const { return lane_squares(values, pieces[p], lane); }
  ANNULUS_DEVICE void finish(std::int64_t p, double sum) const { squares[p] = sum; }
};

/// Pieces of an entry of SquareSums.
struct PieceRange {
  std::int64_t begin;
  std::int64_t end;
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
  const float* head;  ///< of the sums over all shards: loss, correct
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

/// Updates a piece, unless the step is to change nothing.
struct UpdateBody {
  UpdateConstants constants;
  const UpdateScalars* scalars;
  const UpdateDecision* decision;
  const Piece* pieces;
  const SegmentRule* rules_of;  ///< by segment
  SquareSums sums;
  const float* gradients;
  float* parameters;
  float* first;   ///< momentum or m, or null
  float* second;  ///< v of adam, or null

  ANNULUS_DEVICE SgdFactors sgd_factors(const Piece& piece) const {
    const SegmentRule& rule = rules_of[piece.segment];
    const double scale = gradient_scale(constants, scalars->samples, sums);
    double rate = scalars->learning_rate;
    if (constants.rule == UpdateRule::lars)
      rate = segment_rate(constants, rule, rate, std::sqrt(sums.gradients[1 + piece.segment]) * scale,
                          std::sqrt(sums.parameters[1 + piece.segment]));
    return {static_cast<float>(scale), rule.decay, constants.momentum, static_cast<float>(rate)};
  }

  ANNULUS_DEVICE AdamFactors adam_factors(const Piece& piece) const {
    const UpdateConstants& c = constants;
    const float decay = rules_of[piece.segment].decay;
    const bool decoupled = c.rule == UpdateRule::adamw;
    const double shrink = 1.0 - scalars->learning_rate * static_cast<double>(decay);
    AdamFactors f;
    f.gradient_scale = static_cast<float>(gradient_scale(c, scalars->samples, sums));
    f.decay = decoupled ? 0.0f : decay;
    f.shrink = decoupled ? static_cast<float>(shrink) : 1.0f;
    f.beta1 = c.beta1;
    f.one_minus_beta1 = c.one_minus_beta1;
    f.beta2 = c.beta2;
    f.one_minus_beta2 = c.one_minus_beta2;
    f.step_size = decision->bias.step_size;
    f.second_root_factor = decision->bias.second_root_factor;
    f.epsilon = c.epsilon;
    return f;
  }

  ANNULUS_DEVICE void update_sgd(const SgdFactors& f, std::int64_t i) const {
    if (constants.rule == UpdateRule::sgd_plain) rules::sgd_plain(f, parameters[i], gradients[i]);
    if (constants.rule == UpdateRule::sgd_momentum)
      rules::sgd_momentum(f, parameters[i], gradients[i], first[i]);
    if (constants.rule == UpdateRule::sgd_nesterov)
      rules::sgd_nesterov(f, parameters[i], gradients[i], first[i]);
    if (constants.rule == UpdateRule::lars) rules::lars(f, parameters[i], gradients[i], first[i]);
  }

  ANNULUS_DEVICE void lane(std::int64_t p, int lane) const {
    if (decision->verdict != Verdict::good) return;
    const Piece piece = pieces[p];
    if (constants.rule == UpdateRule::adam || constants.rule == UpdateRule::adamw) {
      const AdamFactors f = adam_factors(piece);
      for (std::int64_t i = piece.begin + lane; i < piece.begin + piece.count; i += kPieceLanes)
        rules::adam(f, parameters[i], gradients[i], first[i], second[i]);
    } else {
      const SgdFactors f = sgd_factors(piece);
      for (std::int64_t i = piece.begin + lane; i < piece.begin + piece.count; i += kPieceLanes)
        update_sgd(f, i);
    }
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
