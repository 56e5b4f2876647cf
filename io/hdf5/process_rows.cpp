// Rows on their way from a file to the rank that asked for them: straight, where they lie as in memory, or by
// the other process and the window that both share.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kUsualWindow = std::uint64_t{64} << 20;  // of values read at once
constexpr std::uint64_t kLargestWindow = std::uint64_t{2} << 30;

constexpr std::size_t kMostPieces = 4096;  // of a request

/// Whether the file holds these values as memory does.
bool is_plain(const DatasetInfo& info, ElementType type) {
  const StoredType memory = describe_type(memory_type(type));
  return info.plain_at && info.type.kind == memory.kind && info.type.bytes == memory.bytes;
}

/// Rows to ask for at once: whole chunks, so that none is unpacked twice.
std::uint64_t rows_at_once(const DatasetInfo& info, std::uint64_t row_bytes) {
  const std::uint64_t rows = std::max<std::uint64_t>(1, kUsualWindow / row_bytes);
  const auto chunk =
      info.chunk.empty() ? 1 : std::max<std::uint64_t>(1, static_cast<std::uint64_t>(info.chunk[0]));
  if (chunk > kLargestWindow / row_bytes) return rows;
  return std::max<std::uint64_t>(1, rows / chunk) * chunk;
}

/// " at rows 128 to 255 of train/images", and how many more pieces were asked for.
std::string rows_text(const std::string& dataset, std::span<const RowPiece> pieces) {
  const RowPiece& first = pieces.front();
  const std::string more = pieces.size() > 1 ? fmt::format(" and {} more places", pieces.size() - 1) : "";
  return fmt::format(" at rows {} to {}{} of {}", first.first, first.first + first.count - 1, more, dataset);
}

}  // namespace

void Hdf5Process::read_plain(std::uint64_t offset, std::span<std::byte> values) const {
  while (!values.empty()) {
    const ssize_t count = ::pread(file_.get(), values.data(), values.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw DataError("{}: cannot be read to its end ({}). Is it truncated? Copy or make it again.", path_,
                      count < 0 ? std::strerror(errno) : "it is shorter than it says");
    values = values.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void Hdf5Process::read_plain_rows(const Rows& rows, std::uint64_t plain_at, std::uint64_t row_bytes,
                                  const RowPiece& piece) const {
  constexpr auto kMostOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (plain_at > kMostOffset || piece.first > (kMostOffset - plain_at) / row_bytes)
    throw DataError("{}, {}: claims a place beyond the end of the file.", path_, rows.dataset);
  read_plain(plain_at + piece.first * row_bytes, {piece.values, piece.count * row_bytes});
}

std::uint64_t Hdf5Process::read_pieces(const Rows& rows, const DatasetInfo& info,
                                       std::span<const RowPiece> pieces) {
  const std::uint64_t row_bytes = rows.row_size * describe_type(memory_type(rows.type)).bytes;
  // Values that lie in the file as they will in memory (in one piece, not packed) take no detour. Only where
  // they lie is the child's word, and the worst that a lie about it does is other bytes of the same file.
  if (is_plain(info, rows.type)) {
    std::uint64_t bytes = 0;
    for (const RowPiece& piece : pieces) {
      read_plain_rows(rows, *info.plain_at, row_bytes, piece);
      bytes += piece.count * row_bytes;
    }
    return bytes;
  }
  if (row_bytes > kLargestWindow)
    throw DataError("{}, {}: has rows of {} bytes, more than are read at once. Is this the right dataset?",
                    path_, rows.dataset, row_bytes);
  const std::uint64_t at_once = rows_at_once(info, row_bytes);
  const std::lock_guard lock(reader_->mutex());
  if ((record_ || !answers_.empty()) && info.rows() <= kMostInline / row_bytes)
    return read_inline(rows, info, row_bytes, pieces);
  std::uint64_t bytes = 0;
  std::vector<RowPiece> together;
  std::uint64_t together_rows = 0;
  const auto read_together = [&] {
    if (!together.empty()) bytes += read_window(rows, row_bytes, together);
    together.clear();
    together_rows = 0;
  };
  for (RowPiece piece : pieces) {
    while (piece.count > 0) {
      // Up to the next multiple of at_once, so that from the second request on they begin where chunks do.
      const std::uint64_t count = std::min(at_once - piece.first % at_once, piece.count);
      if (together_rows + count > at_once || together.size() == kMostPieces) read_together();
      together.push_back({piece.first, count, piece.values});
      together_rows += count;
      piece = {piece.first + count, piece.count - count, piece.values + count * row_bytes};
    }
  }
  read_together();
  return bytes;
}

/// All of a small dataset comes as an answer, one that may be there already.
std::uint64_t Hdf5Process::read_inline(const Rows& rows, const DatasetInfo& info, std::uint64_t row_bytes,
                                       std::span<const RowPiece> pieces) {
  doing_ = fmt::format(" at the values of {}", rows.dataset);
  const auto values = ask_alone<std::string>(Hdf5Request::values, rows.dataset, rows.type);
  doing_.clear();
  if (values.size() != info.rows() * row_bytes)
    throw DataError("{}, {}: has other rows than it says. Make it again.", path_, rows.dataset);
  std::uint64_t bytes = 0;
  for (const RowPiece& piece : pieces) {
    std::memcpy(piece.values, values.data() + piece.first * row_bytes, piece.count * row_bytes);
    bytes += stored_bytes_of(info, piece.first, piece.count);
  }
  return bytes;
}

/// What fits into the window at once.
std::uint64_t Hdf5Process::read_window(const Rows& rows, std::uint64_t row_bytes,
                                       std::span<const RowPiece> pieces) {
  std::vector<std::uint64_t> firsts, counts;
  std::uint64_t all = 0;
  for (const RowPiece& piece : pieces) {
    firsts.push_back(piece.first);
    counts.push_back(piece.count);
    all += piece.count;
  }
  SharedWindow& window = reader_->window();
  window.grow(all * row_bytes);
  doing_ = rows_text(rows.dataset, pieces);
  const auto bytes = ask_alone<std::uint64_t>(Hdf5Request::rows, rows.dataset, rows.type, unpack_threads(),
                                              window.id(), window.bytes().size(), firsts, counts);
  doing_.clear();
  const std::byte* from = window.bytes().data();
  for (const RowPiece& piece : pieces) {
    std::memcpy(piece.values, from, piece.count * row_bytes);
    from += piece.count * row_bytes;
  }
  return bytes;
}

}  // namespace annulus::io
