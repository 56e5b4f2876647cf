// Walks over the values of a tensor in the order in which they lie, channels known: for kernels of our own
// that work in whatever layout oneDNN has chosen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "trainer/backend/cpu/onednn.hpp"

namespace annulus::trainer::cpu {

/// Runs of channels whose values lie one after another: all of them in (N, K) and channels last, a block of 8
/// or 16 in blocked layouts, one in channels first.
class ChannelRuns {
 public:
  /// @param desc  (N, C) or (N, C, H, W)
  explicit ChannelRuns(const Desc& desc) {
    OffsetTables tables = offset_tables(desc);
    samples_ = std::move(tables[0]);
    channels_ = tables[1].size();
    for (std::size_t c = 0; c < channels_;) {
      std::size_t width = 1;
      while (c + width < channels_ && tables[1][c + width] == tables[1][c] + width) ++width;
      runs_.push_back({tables[1][c], c, width});
      c += width;
    }
    pixels_ = {0};
    if (tables.size() == 2) return;
    pixels_.clear();
    for (const std::size_t row : tables[2])
      for (const std::size_t column : tables[3]) pixels_.push_back(row + column);
  }

  std::size_t channels() const { return channels_; }
  std::size_t pixels() const { return pixels_.size(); }
  std::size_t values() const { return samples_.size() * pixels_.size() * channels_; }

  /// Calls body(offset of the first value, its channel, width), always in the same order.
  template <class Body>
  void for_each(const Body& body) const {
    for (const std::size_t sample : samples_)
      for (const Run& run : runs_)
        for (const std::size_t pixel : pixels_) body(sample + run.offset + pixel, run.channel, run.width);
  }

 private:
  struct Run {
    std::size_t offset = 0, channel = 0, width = 0;
  };
  std::vector<std::size_t> samples_, pixels_;
  std::vector<Run> runs_;
  std::size_t channels_ = 0;
};

}  // namespace annulus::trainer::cpu
