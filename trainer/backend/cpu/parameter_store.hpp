// Parameters and moving averages of the CPU backend: which layout each has in the arena, and the exact
// conversion to and from Keras' order. Shared by all workers and programs.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cpu/onednn.hpp"

namespace annulus::trainer::cpu {

/// The first program that is built defines the layout of each parameter (what its backward pass produces);
/// freeze() then lays out the arena, and later programs read and write those layouts.
class ParameterStore {
 public:
  ParameterStore(const Network& network, const dnnl::engine& engine);

  /// Layout of a parameter in the arena: `preferred` when this is the first to ask.
  /// @param offsets  a table a dimension in Keras' order: element (i0, i1, ...) lies at the sum
  Desc define(int layer, int parameter, const Desc& preferred, OffsetTables offsets);
  /// The layout if it is defined, else nullptr.
  const Desc* find(int layer, int parameter) const;
  /// A trainable parameter; the handle points into the arena once the store is frozen.
  dnnl::memory memory(int layer, int parameter) const;
  /// A moving average, (C).
  dnnl::memory statistics_memory(int layer, int parameter) const;
  /// First element of a trainable parameter, or of a moving average in the arena of moving averages.
  /// @pre frozen
  std::size_t offset(int layer, int parameter) const;

  /// How the values of an image tensor that a layer flattens are stored: the layout given by the first
  /// program that asks, for this one's number of samples. The rows of dense kernels follow it.
  Desc define_flat(int layer, const Desc& preferred);

  /// Lays out and allocates the arena: the parameter defined last comes first, a layer's own in their order.
  void freeze();
  bool frozen() const { return frozen_; }

  const ArenaLayout& layout() const { return layout_; }
  std::span<float> parameters() { return {parameters_.get(), layout_.trainable_count}; }
  std::span<float> statistics() { return {statistics_.get(), layout_.statistics_count}; }
  /// Ranges [begin, end) of a gradient buffer that no layer writes: padding between segments, and the head.
  const std::vector<std::pair<std::size_t, std::size_t>>& gaps() const { return gaps_; }

  std::vector<float> read(const Segment& segment, std::span<const float> arena) const;
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const;

 private:
  struct Entry {
    int layer = 0;
    int parameter = 0;
    Desc desc;
    OffsetTables offsets;
    dnnl::memory memory;
    std::size_t offset = 0;
  };
  const Entry* entry(int layer, int parameter) const;
  void lay_out_statistics();
  void find_gaps();

  const Network& network_;
  dnnl::engine engine_;
  std::vector<Entry> entries_;
  std::vector<Entry> averages_;
  std::map<int, Desc> flat_;  // by layer
  ArenaLayout layout_;
  std::vector<std::pair<std::size_t, std::size_t>> gaps_;
  AlignedMemory<float> parameters_;
  AlignedMemory<float> statistics_;
  bool frozen_ = false;
};

}  // namespace annulus::trainer::cpu
