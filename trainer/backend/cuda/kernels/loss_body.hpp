// Softmax cross entropy of one sample with its gradient, shared out over a team of threads: one thread where
// there are few classes, a warp where there are many.
#pragma once

#include <cmath>

#include "trainer/backend/contract/loss_targets.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"
#include "trainer/model/top_k.hpp"

namespace annulus::trainer::cuda {

/// A team of one. A team has its size, each member's rank, and reductions that give every member the same
/// result in a fixed order.
struct SoloTeam {
  ANNULUS_DEVICE static int rank() { return 0; }
  ANNULUS_DEVICE static int size() { return 1; }
  ANNULUS_DEVICE static float sum(float value) { return value; }
  ANNULUS_DEVICE static float largest(float value) { return value; }
  ANNULUS_DEVICE static std::int32_t smallest(std::int32_t value) { return value; }
};

struct SampleLoss {
  float loss = 0;
  float correct = 0;  ///< 1 or 0
  float top = 0;      ///< 1 when the label (LossTargets::counted) is among the k largest, or 0
};

/// Of the softmax of a sample: its largest logit, and log of the sum of the exponentials of the others less
/// it.
struct Normaliser {
  float top, log_sum;
};

/// Of several samples.
struct LossSums {
  double loss = 0, correct = 0, top = 0;
};

/// Loss and hits are added up in so many lanes: lane l takes samples l, l + kLossLanes, ..., then lanes are
/// added in halves. However many blocks computed the samples, the sum has the same bits.
constexpr int kLossLanes = 1024;

constexpr int kLossHead = 16;
constexpr std::int64_t loss_scratch(std::int64_t samples) { return 3 * samples; }

/// Loss and gradient of all samples, and the head of the gradient buffer. Label `smoothing` and weights of
/// classes as LossOptions, weights and shares of samples as io::Shard. Each sample is computed and noted,
/// then lanes are summed and finish() writes the head.
template <class L, class T>
struct LossBody {
  const L* logits;             ///< (n, classes)
  const std::int32_t* labels;  ///< (n)
  const float* class_weights;  ///< (classes), or nullptr for all one
  const float* weights;        ///< (n), or nullptr for all one
  const float* shares;         ///< (n), or nullptr when samples are not mixed
  T* gradient;                 ///< (n, classes), or nullptr when nobody wants it
  std::int32_t classes;
  std::int64_t samples;
  float smoothing;
  std::int32_t top_k;  ///< 0: nobody asks how many labels are among the k largest
  float* row_sums;     ///< loss_scratch(samples) floats
  float* head;         ///< kLossHead floats: loss, correct, samples, among the k largest, zeros

  /// @return the same for all members. A label out of range gives NaN and a gradient of NaN.
  template <class Team>
  ANNULUS_DEVICE SampleLoss operator()(const Team& team, std::int64_t sample) const {
    const L* row = logits + sample * classes;
    const LossTargets<float> targets{labels, class_weights, weights, shares, samples, classes};
    const LossTarget<float> own = targets.own(sample);
    float top = -INFINITY;
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) top = std::fmax(top, to_float(row[c]));
    top = team.largest(top);
    float sum = 0;
    std::int32_t winner = classes;
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) {
      sum += std::exp(to_float(row[c]) - top);
      if (winner == classes && to_float(row[c]) == top) winner = c;
    }
    sum = team.sum(sum);
    winner = team.smallest(winner);
    const float log_sum = std::log(sum);
    float loss = 0;
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) {
      const float log_probability = to_float(row[c]) - top - log_sum;
      const float wanted = wanted_of(c, own.label);
      if (wanted != 0) loss -= wanted * log_probability;
      if (gradient && !shares)
        gradient[sample * classes + c] = from_float<T>(own.factor * (std::exp(log_probability) - wanted));
    }
    loss = own.factor * team.sum(loss);
    if (shares) loss += mix(team, sample, {top, log_sum}, own, targets.other(sample));
    const std::int32_t label = targets.counted(sample);
    const bool valid = targets.is_label(label);
    return {loss, valid && winner == label ? 1.0f : 0.0f,
            valid && top_k > 0 ? in_top(team, row, label) : 0.0f};
  }
  ANNULUS_DEVICE float wanted_of(std::int32_t c, std::int32_t label) const {
    return (c == label ? 1.0f - smoothing : 0.0f) + smoothing / static_cast<float>(classes);
  }
  /// The gradient of a mixed sample. @return the loss of the other target
  template <class Team>
  ANNULUS_DEVICE float mix(const Team& team, std::int64_t sample, const Normaliser& of,
                           const LossTarget<float>& own, const LossTarget<float>& other) const {
    const L* row = logits + sample * classes;
    float loss = 0;
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) {
      const float log_probability = to_float(row[c]) - of.top - of.log_sum;
      const float own_wanted = wanted_of(c, own.label), wanted = wanted_of(c, other.label);
      if (wanted != 0) loss -= wanted * log_probability;
      const float probability = std::exp(log_probability);
      if (gradient)
        gradient[sample * classes + c] =
            from_float<T>(own.factor * (probability - own_wanted) + other.factor * (probability - wanted));
    }
    return other.factor * team.sum(loss);
  }
  /// @return 1 when fewer than top_k classes stand before the label's, else 0
  template <class Team>
  ANNULUS_DEVICE float in_top(const Team& team, const L* row, std::int32_t label) const {
    const float own = to_float(row[label]);
    float before = 0;  // whole numbers: their sum is exact in any order
    for (std::int32_t c = team.rank(); c < classes; c += team.size())
      if (c != label && stands_before(to_float(row[c]), own, c < label)) before += 1.0f;
    return team.sum(before) < static_cast<float>(top_k) ? 1.0f : 0.0f;
  }

  ANNULUS_DEVICE void note(std::int64_t sample, const SampleLoss& result) const {
    row_sums[sample] = result.loss;
    row_sums[samples + sample] = result.correct;
    row_sums[2 * samples + sample] = result.top;
  }
  ANNULUS_DEVICE LossSums lane(int lane) const {
    LossSums sums;
    for (std::int64_t sample = lane; sample < samples; sample += kLossLanes) {
      sums.loss += static_cast<double>(row_sums[sample]);
      sums.correct += static_cast<double>(row_sums[samples + sample]);
      sums.top += static_cast<double>(row_sums[2 * samples + sample]);
    }
    return sums;
  }
  ANNULUS_DEVICE void finish(const LossSums& all) const {
    for (int i = 0; i < kLossHead; ++i) head[i] = 0.0f;
    head[0] = static_cast<float>(all.loss);
    head[1] = static_cast<float>(all.correct);
    head[2] = static_cast<float>(samples);
    head[3] = static_cast<float>(all.top);
  }
};

/// Probabilities of each sample.
template <class L>
struct SoftmaxBody {
  const L* logits;       ///< (n, classes)
  float* probabilities;  ///< (n, classes)
  std::int32_t classes;
  std::int64_t samples;

  template <class Team>
  ANNULUS_DEVICE void operator()(const Team& team, std::int64_t sample) const {
    const L* row = logits + sample * classes;
    float* out = probabilities + sample * classes;
    float top = -INFINITY;
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) top = std::fmax(top, to_float(row[c]));
    top = team.largest(top);
    float sum = 0;
    for (std::int32_t c = team.rank(); c < classes; c += team.size())
      sum += out[c] = std::exp(to_float(row[c]) - top);
    sum = team.sum(sum);
    for (std::int32_t c = team.rank(); c < classes; c += team.size()) out[c] /= sum;
  }
};

/// *found = index of the first value that is NaN or Inf, or -1. Slow: for debug runs.
template <class T>
struct FindBadBody {
  const T* values;
  std::int64_t elements;
  std::int64_t* found;
};

}  // namespace annulus::trainer::cuda
