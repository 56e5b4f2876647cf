// See layout_cost.hpp. Streaming reads the images of a row of chunks together (io/dataset/chunk_cache.hpp).
#include "io/survey/layout_cost.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/printable.hpp"

namespace annulus::io {
namespace {

std::uint64_t up(std::uint64_t whole, std::uint64_t part) { return (whole + part - 1) / part; }

void count_chunks(const DatasetInfo& images, LayoutCost& cost) {
  if (images.chunk.empty()) return;
  cost.rows_together =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(images.chunk.front()), 1, images.rows());
  for (std::size_t i = 1; i < images.extents.size(); ++i)
    cost.chunks_per_image *= up(static_cast<std::uint64_t>(images.extents[i]),
                                std::max<std::uint64_t>(1, static_cast<std::uint64_t>(images.chunk[i])));
  cost.chunks = up(images.rows(), cost.rows_together) * cost.chunks_per_image;
}

/// Every row brings its whole chunk along: the mean of the chunks' rows over all rows.
double cost_of_single_rows(std::uint64_t rows, std::uint64_t together) {
  const auto whole = static_cast<double>(rows / together);
  const auto last = static_cast<double>(rows % together);
  const auto full = static_cast<double>(together);
  return (whole * full * full + last * last) / static_cast<double>(rows);
}

bool unpacks_side_by_side(const DatasetInfo& images) {
  return std::ranges::all_of(images.filters,
                             [](const std::string& name) { return name == "deflate" || name == "shuffle"; });
}

std::string find_trouble(const LayoutCost& cost, const DatasetInfo& images,
                         const StreamingDefaults& defaults) {
  constexpr std::uint64_t kSmallRead = 16 << 10;
  constexpr std::uint64_t kMany = 1000;
  const auto mega = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  if (cost.chunks_per_image > 1)
    return fmt::format("chunks cut through the images, and each is put together from {} of them",
                       cost.chunks_per_image);
  if (cost.fits) return "";
  if (cost.streamed == 0)
    return fmt::format("{} images lie in one chunk ({:.0f} MB), more than data.window_mb lets streaming keep",
                       cost.rows_together, mega(cost.bytes_together));
  if (defaults.window_bytes / cost.bytes_together < defaults.shards && cost.chunks > 0)
    return fmt::format("data.window_mb holds only {} of its chunks of {:.0f} MB: ranks read the same ones",
                       defaults.window_bytes / cost.bytes_together, mega(cost.bytes_together));
  if (!unpacks_side_by_side(images))
    return fmt::format("chunks packed by {} are unpacked one after another", shown_names(images.filters));
  const std::uint64_t pieces = std::max<std::uint64_t>(1, cost.chunks > 0 ? cost.chunks : images.rows());
  if (images.stored_bytes / pieces < kSmallRead && pieces > kMany)
    return fmt::format("{} read one by one in random order, {:.1f} kB each, which disks are slow at",
                       cost.chunks > 0 ? "chunks are" : "images are stored without chunks and",
                       static_cast<double>(images.stored_bytes) / static_cast<double>(pieces) / 1e3);
  return "";
}

}  // namespace

LayoutCost layout_cost(const DatasetInfo& images, std::uint64_t row_bytes,
                       const StreamingDefaults& defaults) {
  LayoutCost cost;
  if (images.rows() == 0 || row_bytes == 0) return cost;
  count_chunks(images, cost);
  const double plain = static_cast<double>(images.rows()) * static_cast<double>(row_bytes);
  cost.bytes_together = cost.rows_together * row_bytes;
  cost.packed = static_cast<double>(images.stored_bytes) / plain;
  cost.fits = plain <= static_cast<double>(defaults.resident_bytes);
  cost.single_rows = cost_of_single_rows(images.rows(), cost.rows_together);
  if (cost.chunks > 0) {
    const std::uint64_t runs = up(images.rows(), cost.rows_together);
    const std::uint64_t window = std::max<std::uint64_t>(1, defaults.window_bytes / cost.bytes_together);
    // Chunks in which the run of one shard ends and that of the next begins.
    const std::uint64_t shared = std::min({defaults.shards, window, runs}) - 1;
    cost.most_streamed = 1 + static_cast<double>(shared) / static_cast<double>(runs);
    if (cost.bytes_together > defaults.cache_bytes) cost.streamed = cost.most_streamed = 0;
  }
  cost.trouble = find_trouble(cost, images, defaults);
  return cost;
}

std::string layout_text(const LayoutCost& cost, const DatasetInfo& images) {
  const std::string packed = images.filters.empty() ? "not packed"
                                                    : fmt::format("{}, {:.2f} bytes per byte of pixels",
                                                                  shown_names(images.filters), cost.packed);
  if (cost.chunks == 0) return "images one after another, " + packed;
  if (cost.chunks_per_image > 1)
    return fmt::format("{} chunks of ({}), {} for each image, {}", cost.chunks, fmt::join(images.chunk, ", "),
                       cost.chunks_per_image, packed);
  return fmt::format("{} chunks of {} whole images, {:.3g} MB each in memory, {}", cost.chunks,
                     cost.rows_together, static_cast<double>(cost.bytes_together) / 1e6, packed);
}

std::string reading_text(const LayoutCost& cost) {
  const std::string single = fmt::format("one by one in random order: {:.3g} times", cost.single_rows);
  if (cost.streamed == 0) return "cannot be streamed with the default window; rows " + single;
  const std::string more = cost.most_streamed > 1.005
                               ? fmt::format(" (up to {:.2f} times by several ranks)", cost.most_streamed)
                               : "";
  return fmt::format("an epoch that is streamed reads {:.2f} times what is stored{}; rows {}", cost.streamed,
                     more, single);
}

}  // namespace annulus::io
