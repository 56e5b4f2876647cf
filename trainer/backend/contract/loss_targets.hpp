// What a sample of a shard is trained towards: its label, or two where it is mixed with the next one, and
// what each one's loss is multiplied by. One rule for all backends and devices; nothing of CUDA.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/host_device.hpp"

namespace annulus::trainer {

/// One of the labels, and the factor of its loss.
template <class Real>
struct LossTarget {
  std::int32_t label;
  Real factor;
};

/// Labels and factors of a shard. The loss of a label is multiplied by the weight of its class, the weight of
/// its sample and, with shares, by the sample's share: own label with share l, the next sample's with 1 - l.
template <class Real>
struct LossTargets {
  const std::int32_t* labels;  ///< (n)
  const float* class_weights;  ///< (classes), or nullptr for all one
  const float* weights;        ///< (n) io::Shard::weights, or nullptr for all one
  const float* shares;         ///< (n) io::Shard::shares, or nullptr when samples are not mixed
  std::int64_t n;
  std::int32_t classes;

  ANNULUS_DEVICE bool is_label(std::int32_t label) const { return label >= 0 && label < classes; }

  /// A label out of range has NaN as its factor.
  ANNULUS_DEVICE LossTarget<Real> target(std::int64_t sample, float share) const {
    const std::int32_t label = labels[sample];
    if (!is_label(label)) return {label, std::numeric_limits<Real>::quiet_NaN()};
    Real factor = class_weights ? static_cast<Real>(class_weights[label]) : Real{1};
    if (weights) factor *= static_cast<Real>(weights[sample]);
    if (shares) factor *= static_cast<Real>(share);
    return {label, factor};
  }
  ANNULUS_DEVICE bool mixed() const { return shares != nullptr; }
  ANNULUS_DEVICE LossTarget<Real> own(std::int64_t sample) const {
    return target(sample, shares ? shares[sample] : 1.0f);
  }
  /// @pre mixed()
  ANNULUS_DEVICE LossTarget<Real> other(std::int64_t sample) const {
    return target(sample + 1 < n ? sample + 1 : 0, 1.0f - shares[sample]);
  }
  /// The label with the larger share: the one that a hit is counted for.
  ANNULUS_DEVICE std::int32_t counted(std::int64_t sample) const {
    return shares && shares[sample] < 0.5f ? labels[sample + 1 < n ? sample + 1 : 0] : labels[sample];
  }
};

/// Of spans in host memory; empty ones stand for nothing.
template <class Real>
LossTargets<Real> loss_targets(std::span<const std::int32_t> labels, std::span<const float> class_weights,
                               std::span<const float> weights, std::span<const float> shares,
                               std::size_t classes) {
  const auto or_null = [](std::span<const float> values) { return values.empty() ? nullptr : values.data(); };
  return {labels.data(),
          or_null(class_weights),
          or_null(weights),
          or_null(shares),
          static_cast<std::int64_t>(labels.size()),
          static_cast<std::int32_t>(classes)};
}

}  // namespace annulus::trainer
