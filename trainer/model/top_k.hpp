// Top-k accuracy: which outputs of a sample count as its k largest. One rule for all backends and for
// evaluations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/host_device.hpp"

namespace annulus::trainer {

/// Share of samples whose label is among the k largest outputs.
struct TopAccuracy {
  int k = 0;
  double share = 0;
};

/// "top_5_accuracy": its key in metrics, and behind "validation_".
std::string top_accuracy_key(int k);

/// Whether another class stands before the label's in the order of the outputs: its output is larger, or as
/// large and its number lower, so that the first place is the one that argmax finds. An output that is not a
/// number stands before the label's; and where the label's is not one, all others do.
/// @param is_lower  whether the number of the other class is lower
template <class T>
ANNULUS_DEVICE inline bool stands_before(T other, T label, bool is_lower) {
  return is_lower ? !(other < label) : !(other <= label);
}

/// How many classes stand before the label's; 0: it has the largest output. An output that is not a number
/// is never among the k largest: then all classes count.
template <class T>
std::int64_t place_of(std::span<const T> outputs, std::size_t label) {
  const T own = outputs[label];
  std::int64_t before = own == own ? 0 : 1;
  for (std::size_t c = 0; c < outputs.size(); ++c)
    before += c != label && stands_before(outputs[c], own, c < label) ? 1 : 0;
  return before;
}

}  // namespace annulus::trainer
