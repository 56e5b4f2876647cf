// Goes through the images of a split, all or some of them: what their values are, and which are equal.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset/dataset.hpp"

namespace annulus::io {

class DatasetColumns;

struct PixelStatistics {
  double mean = 0;
  double deviation = 0;
  double smallest = 0;
  double largest = 0;
};

/// Which images are read for statistics: none, some at even distances (a thousand, tens of megabytes), all.
enum class PixelScan { skip, sample, read_all };

/// Rows [first, first + count).
struct RowRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// The rows that a scan reads, in their order.
std::vector<RowRange> rows_to_scan(const DatasetColumns& columns, PixelScan scan);

/// Reads rows in blocks of some megabytes, of whole chunks.
/// @param visit  gets the first row of a block and its pixels, (rows, H, W, C)   @throws DataError
void visit_pixels(const DatasetColumns& columns, std::span<const RowRange> ranges,
                  const std::function<void(std::uint64_t first, std::span<const std::byte> pixels)>& visit);

/// Per channel, in raw pixel units, over rows. @throws DataError, also for values that are not finite
std::vector<PixelStatistics> pixel_statistics(const DatasetColumns& columns, std::span<const RowRange> rows);

}  // namespace annulus::io
