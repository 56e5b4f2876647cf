// Sums over the rows of a (rows, columns) tensor, by columns: bias gradients and batch norm. The order of
// every sum is a function of the shape alone, so bits do not depend on how the GPU schedules blocks.
//
// A block of threads sums one chunk of rows for one tile of columns: thread (lane, line) takes `pack`
// neighbouring columns and every lines-th row, then the lines are added in a tree. A second kernel adds up
// the chunks likewise.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/host_device.hpp"

namespace annulus::trainer::cuda {

constexpr int kColumnThreads = 512;  ///< a block: lanes * lines

struct ColumnPlan {
  std::int64_t rows = 0;
  std::int32_t columns = 0;
  std::int32_t pack = 1;    ///< neighbouring columns of a thread; divides `columns`
  std::int32_t lanes = 1;   ///< threads side by side, a power of two
  std::int32_t tiles = 1;   ///< of lanes * pack columns
  std::int32_t chunks = 1;  ///< of rows
  std::int64_t chunk_rows = 1;

  ANNULUS_DEVICE std::int32_t lines() const { return kColumnThreads / lanes; }
  /// Floats that the first kernel hands to the second.
  std::size_t partials(int count) const {
    return chunks == 1 ? 0 : static_cast<std::size_t>(chunks) * static_cast<std::size_t>(columns) * count;
  }
};

inline ColumnPlan plan_columns(std::int64_t rows, std::int32_t columns, std::int32_t pack) {
  constexpr std::int64_t kRowsOfThread = 16;  // enough work to hide the tree behind
  constexpr std::int64_t kMostBlocks = 2048;
  ColumnPlan plan{.rows = rows, .columns = columns, .pack = pack};
  while (plan.lanes < 32 && plan.lanes * pack < columns) plan.lanes *= 2;
  const std::int32_t tile = plan.lanes * pack;
  plan.tiles = (columns + tile - 1) / tile;
  const std::int64_t wanted = (rows + plan.lines() * kRowsOfThread - 1) / (plan.lines() * kRowsOfThread);
  const std::int64_t most = std::max<std::int64_t>(kMostBlocks / plan.tiles, 1);
  plan.chunk_rows = (rows + std::min(wanted, most) - 1) / std::max<std::int64_t>(std::min(wanted, most), 1);
  plan.chunk_rows = std::max<std::int64_t>(plan.chunk_rows, 1);
  plan.chunks = static_cast<std::int32_t>((rows + plan.chunk_rows - 1) / plan.chunk_rows);
  return plan;
}

/// Columns that a thread takes where that divides their number: less than 16 bytes of bfloat16, so that the
/// sums of a block fit into shared memory.
constexpr std::int32_t kColumnPack = 4;

inline ColumnPlan plan_columns_of(std::int64_t rows, std::int64_t columns) {
  return plan_columns(rows, static_cast<std::int32_t>(columns), columns % kColumnPack == 0 ? kColumnPack : 1);
}

/// What one thread of the first kernel sums. `Terms` has kCount quantities, kPack columns at a time:
/// add(row, column, float (&sums)[kCount][kPack]) adds the terms of a row.
template <class Terms>
ANNULUS_DEVICE inline void sum_rows(const ColumnPlan& plan, const Terms& terms, std::int32_t chunk,
                                    std::int32_t line, std::int32_t column,
                                    float (&sums)[Terms::kCount][Terms::kPack]) {
  if (column >= plan.columns) return;
  const std::int64_t end =
      (chunk + 1) * plan.chunk_rows < plan.rows ? (chunk + 1) * plan.chunk_rows : plan.rows;
  for (std::int64_t row = chunk * plan.chunk_rows + line; row < end; row += plan.lines())
    terms.add(row, column, sums);
}

/// What one thread of the second kernel sums: every lines-th chunk of one quantity of one column.
/// @param partials  (quantities, chunks, columns)
ANNULUS_DEVICE inline float sum_chunks(const ColumnPlan& plan, const float* partials, std::int32_t quantity,
                                       std::int32_t line, std::int32_t lines, std::int32_t column) {
  float sum = 0;
  for (std::int32_t chunk = line; chunk < plan.chunks; chunk += lines)
    sum += partials[(static_cast<std::int64_t>(quantity) * plan.chunks + chunk) * plan.columns + column];
  return sum;
}

}  // namespace annulus::trainer::cuda
