// Reading and writing rows of one HDF5 dataset.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

using Access = Hdf5Place::Access;

constexpr std::array kElementTypes{ElementType::uint8,  ElementType::int32,   ElementType::int64,
                                   ElementType::uint64, ElementType::float32, ElementType::float64};

Extents chunk_of(hid_t plist, std::size_t rank) {
  if (H5Pget_layout(plist) != H5D_CHUNKED) return {};
  std::vector<hsize_t> sizes(rank);
  if (H5Pget_chunk(plist, static_cast<int>(rank), sizes.data()) < 0) return {};
  return {sizes.begin(), sizes.end()};
}

std::vector<std::string> filters_of(hid_t plist, const Hdf5Place& place) {
  std::vector<std::string> names;
  for (int i = 0; i < H5Pget_nfilters(plist); ++i) {
    char name[64] = "";
    unsigned flags = 0;
    std::size_t count = 0;
    unsigned config = 0;
    const H5Z_filter_t id =
        H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &count, nullptr, sizeof name, name, &config);
    if (id == H5Z_FILTER_NBIT || id == H5Z_FILTER_SCALEOFFSET)
      throw DataError(
          "{}, {}: is packed by the filter {}, which is not read: the library trusts what the file says about it. Pack it again with deflate (h5repack -f GZIP=1).",
          place.file, place.object, id == H5Z_FILTER_NBIT ? "nbit" : "scaleoffset");
    names.emplace_back(name[0] != '\0' ? name : "filter " + std::to_string(id));
  }
  return names;
}

/// The library takes memory for a whole chunk as soon as one value of it is read.
void check_chunk(const DatasetInfo& info, const Hdf5Place& place) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 30;
  std::uint64_t bytes = info.type.bytes;
  for (const std::int64_t extent : info.chunk) {
    const auto factor = static_cast<std::uint64_t>(extent);
    if (factor != 0 && bytes > kLargest / factor)
      throw DataError(
          "{}, {}: stores its values in chunks of ({}), each of which takes more than {} MB of memory. If the file is not damaged, rewrite it in smaller chunks (h5repack -l).",
          place.file, place.object, fmt::join(info.chunk, ", "), kLargest >> 20);
    bytes *= factor;
  }
}

/// Where rows can be read without the library.
std::optional<std::uint64_t> plain_place(hid_t dataset, hid_t type, hid_t plist) {
  const bool as_in_memory = std::ranges::any_of(
      kElementTypes, [&](ElementType each) { return H5Tequal(type, memory_type(each)) > 0; });
  if (!as_in_memory || H5Pget_layout(plist) != H5D_CONTIGUOUS || H5Pget_nfilters(plist) != 0)
    return std::nullopt;
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF) return std::nullopt;
  return offset;
}

DatasetInfo describe(hid_t dataset, const Hdf5Place& place) {
  const auto space = hdf5_handle("H5Dget_space", place, [&] { return H5Dget_space(dataset); });
  const auto type = hdf5_handle("H5Dget_type", place, [&] { return H5Dget_type(dataset); });
  const auto plist = hdf5_handle("H5Dget_create_plist", place, [&] { return H5Dget_create_plist(dataset); });
  const int rank =
      hdf5_call("H5Sget_simple_extent_ndims", place, [&] { return H5Sget_simple_extent_ndims(space.get()); });
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  hdf5_call("H5Sget_simple_extent_dims", place,
            [&] { return H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr); });
  const bool elsewhere =
      H5Pget_layout(plist.get()) == H5D_VIRTUAL ||
      hdf5_call("H5Pget_external_count", place, [&] { return H5Pget_external_count(plist.get()); }) > 0;
  if (elsewhere)
    throw DataError(
        "{}, {}: keeps its values in another file, which is not followed: it could be any file. Bring them into one file with `h5repack`.",
        place.file, place.object);

  DatasetInfo info;
  for (const hsize_t size : sizes) {
    if (size > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max()))
      throw DataError(
          "{}, {}: claims an extent of {}, which cannot be true. The file is damaged; make it again.",
          place.file, place.object, size);
    info.extents.push_back(static_cast<std::int64_t>(size));
  }
  info.type = describe_type(type.get());
  info.chunk = chunk_of(plist.get(), sizes.size());
  info.filters = filters_of(plist.get(), place);
  info.stored_bytes = H5Dget_storage_size(dataset);
  info.plain_at = plain_place(dataset, type.get(), plist.get());
  check_chunk(info, place);
  return info;
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

}  // namespace

Hdf5Dataset::Hdf5Dataset(Hdf5Handle handle, std::string file, std::string name)
    : handle_(std::move(handle)), file_(std::move(file)), name_(std::move(name)) {
  info_ = describe(handle_.get(), {file_, name_});
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
  if (first > info_.rows() || count > info_.rows() - first)
    throw DataError(
        "{}, {}: rows {} to {} were asked for, but it has {}. Was the file replaced while it is in use?",
        file_, name_, first, first + count, info_.rows());
  if (size == 0) return;
  if (process_) {
    const std::size_t bytes = size * describe_type(memory_type(type)).bytes;
    return process_->read_rows({name_, first, count, type}, info_, {static_cast<std::byte*>(values), bytes});
  }
  const RowSelection rows = select_rows(static_cast<hid_t>(handle_.get()), info_, first, count);
  hdf5_call("H5Dread", place, [&] {
    return H5Dread(handle_.get(), memory_type(type), rows.memory.get(), rows.file.get(), H5P_DEFAULT, values);
  });
}

void Hdf5Dataset::touch() const {
  const Hdf5Place place{file_, name_};
  constexpr std::uint64_t kLargestRow = 64 << 20;
  if (!info_.chunk.empty()) {
    const auto space = hdf5_handle("H5Dget_space", place, [&] { return H5Dget_space(handle_.get()); });
    hsize_t chunks = 0;
    hdf5_call("H5Dget_num_chunks", place,
              [&] { return H5Dget_num_chunks(handle_.get(), space.get(), &chunks); });
  }
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

std::uint64_t checked_bytes(const DatasetInfo& info, const std::string& file, const std::string& name) {
  std::uint64_t bytes = info.type.bytes;
  for (const std::int64_t extent : info.extents) {
    const auto factor = static_cast<std::uint64_t>(extent);
    if (factor != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / factor)
      throw DataError("{}, {}: claims more values than any memory holds. The file is damaged; make it again.",
                      file, name);
    bytes *= factor;
  }
  std::error_code unreadable;
  const std::uint64_t file_bytes = std::filesystem::file_size(file, unreadable);
  // No filter makes images more than a thousand times smaller (deflate's limit is 1032); small files may be
  // all zeros.
  constexpr std::uint64_t kMostCompression = 1100;
  constexpr std::uint64_t kHarmless = 64 << 20;
  const std::uint64_t held = std::min(info.stored_bytes, unreadable ? info.stored_bytes : file_bytes);
  const bool plain = info.filters.empty();
  const bool inflated = bytes > kHarmless && bytes / kMostCompression > held;
  if (bytes > 0 && (info.stored_bytes == 0 || inflated || (plain && held < bytes)))
    throw DataError(
        "{}, {}: claims {} bytes of values, but the file holds only {}. It is truncated, or its writing never finished; copy or make it again.",
        file, name, bytes, held);
  return bytes;
}

}  // namespace annulus::io
