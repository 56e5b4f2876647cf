// Which samples of a training set are kept for validation: a share of every class, so that the small ones are
// judged as well as the large ones.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace annulus::io {

struct StratifiedChoice {
  std::vector<bool> chosen;  ///< for every sample
  /// Classes with one sample. It stays where it is: in training it teaches something.
  std::vector<std::int32_t> lone_classes;
};

/// Every class of n >= 2 samples gives its share, rounded so that the sum is the share of the whole, but at
/// least one and at most n - 1. Which of its samples these are follows from the seed, the class and n alone
/// (Purpose::split): not from the order of classes, the number of ranks or the epoch.
/// @param fraction  in (0, 1)
/// @throws UsageError when no class has two samples
StratifiedChoice choose_stratified(std::span<const std::int32_t> labels, double fraction, std::uint64_t seed);

}  // namespace annulus::io
