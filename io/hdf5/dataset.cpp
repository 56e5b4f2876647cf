// Reading and writing rows of one HDF5 dataset.
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/worker_pool.hpp"
#include "io/hdf5/advice.hpp"
#include "io/hdf5/chunk_reader.hpp"
#include "io/hdf5/description.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

using Access = Hdf5Place::Access;

/// The first filter of a dataset that the library cannot undo, and finds no plugin for; else nothing.
std::optional<int> missing_filter(hid_t dataset) {
  silence_hdf5();
  const Hdf5Handle plist(H5Dget_create_plist(dataset));
  for (int i = 0; plist.get() >= 0 && i < H5Pget_nfilters(plist.get()); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t count = 0;
    const H5Z_filter_t id =
        H5Pget_filter2(plist.get(), static_cast<unsigned>(i), &flags, &count, nullptr, 0, nullptr, &config);
    if (id >= 0 && H5Zfilter_avail(id) <= 0) return id;
  }
  return std::nullopt;
}

/// Whether a filter is missing shows in the reading alone: chunks that did not shrink lie there as they are.
[[noreturn]] void throw_unreadable(hid_t dataset, const Hdf5Place& place, const DataError& error) {
  const std::optional<int> missing = missing_filter(dataset);
  if (!missing) throw error;
  throw DataError("{}, {}: is packed by the filter {}, which this HDF5 library does not have. {}", place.file,
                  place.object, filter_name(*missing), filter_advice(*missing));
}

/// File and memory spaces of the same rank and shape: with another memory shape HDF5 walks chunked data value
/// by value, a hundred times slower.
struct RowSelection {
  Hdf5Handle file;
  Hdf5Handle memory;
};

RowSelection select_rows(hid_t dataset, const DatasetInfo& info, std::uint64_t first, std::uint64_t count) {
  const Hdf5Place place{"row selection", ""};
  RowSelection selection;
  selection.file = hdf5_handle("H5Dget_space", place, [&] { return H5Dget_space(dataset); });
  if (info.extents.empty()) {
    selection.memory = hdf5_handle("H5Screate", place, [&] { return H5Screate(H5S_SCALAR); });
    return selection;
  }
  std::vector<hsize_t> start(info.extents.size(), 0);
  std::vector<hsize_t> size(info.extents.begin(), info.extents.end());
  start[0] = first;
  size[0] = count;
  hdf5_call("H5Sselect_hyperslab", place, [&] {
    return H5Sselect_hyperslab(selection.file.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(),
                               nullptr);
  });
  selection.memory = hdf5_handle("H5Screate_simple", place, [&] {
    return H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr);
  });
  return selection;
}

/// A chunk, or what a piece has of it.
struct ChunkPart {
  std::uint64_t chunk = 0;
  RowPiece piece;
};

/// Cuts pieces where chunks begin.
std::vector<ChunkPart> cut_at_chunks(const ChunkForm& form, std::span<const RowPiece> pieces) {
  std::vector<ChunkPart> parts;
  for (RowPiece piece : pieces) {
    while (piece.count > 0) {
      const std::uint64_t chunk = piece.first / form.rows;
      const std::uint64_t count = std::min(piece.count, (chunk + 1) * form.rows - piece.first);
      parts.push_back({chunk, {piece.first, count, piece.values}});
      piece = {piece.first + count, piece.count - count, piece.values + count * form.row_bytes};
    }
  }
  return parts;
}

/// Pieces that follow one another, in the file and in memory, become one again: the library reads it at once.
void join(std::vector<RowPiece>& pieces, std::size_t row_bytes) {
  std::vector<RowPiece> joined;
  for (const RowPiece& piece : pieces) {
    RowPiece* const last = joined.empty() ? nullptr : &joined.back();
    if (last != nullptr && last->first + last->count == piece.first &&
        last->values + last->count * row_bytes == piece.values)
      last->count += piece.count;
    else
      joined.push_back(piece);
  }
  pieces = std::move(joined);
}

/// Reads the chunks that are wholly asked for; of others the library keeps what is not asked for yet.
/// @param pieces  becomes what is left for the library   @return bytes of the file
std::uint64_t read_whole_chunks(hid_t dataset, const ChunkForm& form, const Hdf5Place& place,
                                std::vector<RowPiece>& pieces, WorkerPool* helpers) {
  const std::vector<ChunkPart> parts = cut_at_chunks(form, pieces);
  std::vector<std::uint64_t> bytes(parts.size(), 0);  // 0: not read
  const auto read = [&](std::size_t begin, std::size_t end) {
    ChunkReader reader(dataset, form, place);
    for (std::size_t i = begin; i < end; ++i) {
      const RowPiece& piece = parts[i].piece;
      if (piece.count == form.rows_in(parts[i].chunk))
        bytes[i] = reader.read(parts[i].chunk, {piece.values, piece.count * form.row_bytes});
    }
  };
  if (helpers != nullptr && parts.size() > 1)
    helpers->for_chunks(parts.size(), 1, read);
  else
    read(0, parts.size());
  pieces.clear();
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (bytes[i] == 0) pieces.push_back(parts[i].piece);
  join(pieces, form.row_bytes);
  return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
}

}  // namespace

std::uint64_t stored_bytes_of(const DatasetInfo& info, std::uint64_t first, std::uint64_t count) {
  if (count == 0 || info.rows() == 0) return 0;
  const std::uint64_t chunk =
      info.chunk.empty() ? 1 : std::max<std::uint64_t>(1, static_cast<std::uint64_t>(info.chunk.front()));
  const std::uint64_t begin = first / chunk * chunk;
  const std::uint64_t end = std::min(info.rows(), ((first + count - 1) / chunk + 1) * chunk);
  return static_cast<std::uint64_t>(static_cast<double>(info.stored_bytes) *
                                    static_cast<double>(end - begin) / static_cast<double>(info.rows()));
}

Hdf5Dataset::Hdf5Dataset(Hdf5Handle handle, std::string file, std::string name)
    : handle_(std::move(handle)), file_(std::move(file)), name_(std::move(name)) {
  info_ = describe_dataset_object(handle_.get(), {file_, name_});
  if (const auto form = chunk_form(handle_.get(), info_))
    chunk_form_ = std::make_shared<const ChunkForm>(*form);
}

Hdf5Dataset::Hdf5Dataset(std::shared_ptr<Hdf5Process> process, std::string file, std::string name)
    : process_(std::move(process)),
      file_(std::move(file)),
      name_(std::move(name)),
      info_(process_->ask<DatasetInfo>(Hdf5Request::describe, name_)) {}

std::uint64_t Hdf5Dataset::row_size() const {
  std::uint64_t size = 1;
  for (std::size_t i = 1; i < info_.extents.size(); ++i)
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(info_.extents[i]), &size))
      throw DataError(
          "{}, {}: claims more values in a row than any memory holds. The file is damaged; make it again.",
          file_, name_);
  return size;
}

void Hdf5Dataset::read_rows(std::uint64_t first, std::uint64_t count, ElementType type, void* values,
                            std::size_t size) const {
  const Hdf5Place place{file_, name_};
  const std::uint64_t row = row_size();
  expect_contract(row == 0 ? size == 0 : size / row == count && size % row == 0,
                  "the buffer of read_rows has count * row_size() values");
  check_convertible(info_.type, type, place);
  check_rows(first, count);
  if (size == 0) return;
  const RowPiece piece{first, count, static_cast<std::byte*>(values)};
  read_pieces(type, {&piece, 1});
}

void Hdf5Dataset::check_rows(std::uint64_t first, std::uint64_t count) const {
  if (first <= info_.rows() && count <= info_.rows() - first) return;
  throw DataError(
      "{}, {}: rows {} to {} were asked for, but it has {}. Was the file replaced while it is in use?", file_,
      name_, first, first + count, info_.rows());
}

std::uint64_t Hdf5Dataset::read_pieces(ElementType type, std::span<const RowPiece> pieces,
                                       WorkerPool* helpers) const {
  check_convertible(info_.type, type, {file_, name_});
  for (const RowPiece& piece : pieces) check_rows(piece.first, piece.count);
  if (row_size() == 0) return 0;
  if (process_) return process_->read_pieces({name_, type, row_size()}, info_, pieces);
  std::uint64_t bytes = 0;
  std::vector<RowPiece> left(pieces.begin(), pieces.end());
  if (chunk_form_ && chunk_form_->type == type)
    bytes = read_whole_chunks(handle_.get(), *chunk_form_, {file_, name_}, left, helpers);
  for (const RowPiece& piece : left) {
    read_by_library(type, piece);
    bytes += stored_bytes_of(info_, piece.first, piece.count);
  }
  return bytes;
}

void Hdf5Dataset::read_by_library(ElementType type, const RowPiece& piece) const {
  const Hdf5Place place{file_, name_};
  const auto dataset = static_cast<hid_t>(handle_.get());
  const RowSelection rows = select_rows(dataset, info_, piece.first, piece.count);
  if (H5Dread(dataset, memory_type(type), rows.memory.get(), rows.file.get(), H5P_DEFAULT, piece.values) >= 0)
    return;
  const std::string call = info_.extents.empty() ? "H5Dread"
                                                 : fmt::format("H5Dread of rows {} to {}", piece.first,
                                                               piece.first + piece.count - 1);
  try {
    throw_hdf5_error(call.c_str(), place);
  } catch (const DataError& error) {
    throw_unreadable(handle_.get(), place, error);
  }
}

void Hdf5Dataset::touch() const {
  const Hdf5Place place{file_, name_};
  constexpr std::uint64_t kLargestRow = 64 << 20;
  if (!info_.chunk.empty()) count_chunks(handle_.get(), place);
  const bool is_number = info_.type.kind != StoredType::Kind::other;
  if (!is_number || info_.rows() == 0 || checked_bytes(info_, file_, name_) / info_.rows() > kLargestRow)
    return;
  std::vector<double> reals(info_.type.kind == StoredType::Kind::real ? row_size() : 0);
  std::vector<std::uint64_t> wholes(reals.empty() ? row_size() : 0);
  for (const std::uint64_t row : {std::uint64_t{0}, info_.rows() - 1})
    if (reals.empty())
      read_rows(row, 1, std::span(wholes));
    else
      read_rows(row, 1, std::span(reals));
}

void Hdf5Dataset::write_rows(std::uint64_t first, std::uint64_t count, ElementType type, const void* values,
                             std::size_t size) {
  const Hdf5Place place{file_, name_, Access::write};
  expect_contract(size == count * row_size(), "the buffer of write_rows has count * row_size() values");
  if (first + count > info_.rows()) {
    std::vector<hsize_t> extents(info_.extents.begin(), info_.extents.end());
    extents.at(0) = first + count;
    hdf5_call("H5Dset_extent", place, [&] { return H5Dset_extent(handle_.get(), extents.data()); });
    info_.extents.at(0) = static_cast<std::int64_t>(first + count);
  }
  if (size == 0) return;
  const RowSelection rows = select_rows(static_cast<hid_t>(handle_.get()), info_, first, count);
  hdf5_call("H5Dwrite", place, [&] {
    return H5Dwrite(handle_.get(), memory_type(type), rows.memory.get(), rows.file.get(), H5P_DEFAULT,
                    values);
  });
}

}  // namespace annulus::io
