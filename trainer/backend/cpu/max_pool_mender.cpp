// Seldom runs beyond the look: NaN and -inf appear when a training has diverged.
#include "trainer/backend/cpu/max_pool_mender.hpp"

#include <limits>

#include "trainer/backend/cpu/primitives.hpp"
#include "trainer/backend/planning/max_pool_rule.hpp"

namespace annulus::trainer::cpu {
namespace {

/// Whether a value is not above oneDNN's start. Without a branch, so that the compiler makes vectors of it.
bool needs_mending(const float* values, std::size_t count) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < count; ++i)
    found |= static_cast<std::uint32_t>(!(values[i] > std::numeric_limits<float>::lowest()));
  return found != 0;
}

}  // namespace

MaxPoolMender::MaxPoolMender(const Pool2d& pool, const Desc& source, const Desc& target, const Desc& winners)
    : pool_(pool),
      source_(offset_tables(source)),
      target_(offset_tables(target)),
      source_floats_(float_count(source)),
      narrow_winners_(element_type(winners) == dnnl::memory::data_type::u8) {
  if (winners.get_size() > 0) winners_ = offset_tables(winners);
}

/// @param plane  the first pixel of a sample and channel
auto MaxPoolMender::maximum_of(const float* plane, std::int64_t y, std::int64_t x) const -> Maximum {
  const auto height = static_cast<std::int64_t>(source_[2].size());
  const auto width = static_cast<std::int64_t>(source_[3].size());
  const std::int64_t top = y * pool_.stride.height - pool_.padding.top;
  const std::int64_t left = x * pool_.stride.width - pool_.padding.left;
  Maximum best;
  for (std::int64_t tap = 0; tap < pool_.size.height * pool_.size.width; ++tap) {
    const std::int64_t row = top + tap / pool_.size.width, column = left + tap % pool_.size.width;
    if (row < 0 || row >= height || column < 0 || column >= width) continue;
    const float value =
        plane[source_[2][static_cast<std::size_t>(row)] + source_[3][static_cast<std::size_t>(column)]];
    if (best.tap < 0 || takes_over(value, best.value)) best = {value, tap};
  }
  return best;
}

void MaxPoolMender::mend(const float* source, float* target, void* winners) const {
  if (!needs_mending(source, source_floats_)) return;
  const auto place = [](const OffsetTables& tables, std::size_t n, std::size_t c, std::size_t y,
                        std::size_t x) { return tables[0][n] + tables[1][c] + tables[2][y] + tables[3][x]; };
  for (std::size_t n = 0; n < target_[0].size(); ++n) {
    for (std::size_t c = 0; c < target_[1].size(); ++c) {
      for (std::size_t y = 0; y < target_[2].size(); ++y) {
        for (std::size_t x = 0; x < target_[3].size(); ++x) {
          const Maximum best = maximum_of(source + source_[0][n] + source_[1][c],
                                          static_cast<std::int64_t>(y), static_cast<std::int64_t>(x));
          target[place(target_, n, c, y, x)] = best.value;
          if (winners == nullptr) continue;
          const std::size_t to = place(winners_, n, c, y, x);
          if (narrow_winners_)
            static_cast<std::uint8_t*>(winners)[to] = static_cast<std::uint8_t>(best.tap);
          else
            static_cast<std::int32_t*>(winners)[to] = static_cast<std::int32_t>(best.tap);
        }
      }
    }
  }
}

}  // namespace annulus::trainer::cpu
