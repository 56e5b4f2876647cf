// Mixup (Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018): every
// sample of a shard is mixed with the next one, the last with the first. The pairs lie inside one shard, so
// that they do not know about ranks.
#pragma once

#include <cstddef>
#include <span>

namespace annulus::io {

/// A part of the rows of a shard: values [begin, end) of each.
struct RowPart {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Mixes that part of every row with the next row's, in place; parts of different values may be mixed at the
/// same time. A mixture with the share 1 is the row itself.
/// @param shares  (n)   @param rows  (n, length): images or vectors of a shard   @pre part.end <= length
void mix_rows(std::span<const float> shares, std::span<float> rows, std::size_t length, RowPart part);

}  // namespace annulus::io
