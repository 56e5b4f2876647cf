// Shapes in the order that users see: channels last, as Keras writes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annulus {

/// Extents of one sample at some point of a network: (H, W, C). A flat vector of K values is (1, 1, K) with
/// `flat` set, so that (1, 1, K) images and vectors stay distinguishable.
struct SampleShape {
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  bool flat = false;

  /// Values in one sample.
  std::int64_t size() const { return height * width * channels; }
  bool operator==(const SampleShape&) const = default;
};

/// "32, 32, 3" or, for a vector, "256": the form of the summary table.
std::string to_string(const SampleShape& shape);

/// A flat row of values that a sample has beside its image, known by its name.
struct NamedVector {
  std::string name;
  std::int64_t length = 0;
  bool operator==(const NamedVector&) const = default;
};

/// Values in one sample's row of all vectors, which lie one after another.
std::int64_t total_length(const std::vector<NamedVector>& vectors);

/// Extents of a tensor in Keras order, e.g. (kh, kw, in, out) for a convolution kernel.
using Extents = std::vector<std::int64_t>;

/// Product of the extents; 1 for a scalar.
std::int64_t element_count(const Extents& extents);

}  // namespace annulus
