// Parameters and moving averages of the reference backend: Keras' order inside each segment.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "trainer/backend/planning/arena_layout.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

class ParameterArena {
 public:
  /// All values zero.
  explicit ParameterArena(const Network& network);

  const ArenaLayout& layout() const { return layout_; }
  std::span<float> parameters() { return {parameters_.get(), layout_.trainable_count}; }
  std::span<float> statistics() { return {statistics_.get(), layout_.statistics_count}; }

  /// All of them in double, by layer and parameter.
  std::vector<std::vector<Tensor>> tensors() const;

 private:
  struct Release {
    void operator()(float* values) const;
  };
  using AlignedFloats = std::unique_ptr<float[], Release>;
  static AlignedFloats allocate(std::size_t count);

  ArenaLayout layout_;
  std::vector<std::vector<Tensor>> shapes_;  ///< empty tensors, for the form of tensors()
  AlignedFloats parameters_;
  AlignedFloats statistics_;
};

}  // namespace annulus::trainer::reference
