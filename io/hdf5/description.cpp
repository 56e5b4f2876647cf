// See description.hpp.
#include "io/hdf5/description.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "io/hdf5/advice.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {
namespace {

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
          "{0}, {1}: is packed by the filter {2}, which is not read: the library trusts what the file says about it. Pack it again with deflate: `h5repack -f {1}:GZIP=1 {0} NEW.h5`.",
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
          "{}, {}: stores its values in chunks of ({}), each of which takes more than {} MB of memory. If the file is not damaged, rewrite it in smaller chunks: `{}`.",
          place.file, place.object, fmt::join(info.chunk, ", "), kLargest >> 20,
          repack_in_chunks(place.file, place.object, info.extents, info.type.bytes));
    bytes *= factor;
  }
}

/// a * b, or the largest number.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<std::uint64_t>::max() : result;
}

/// Chunks that hold all values.
std::uint64_t all_chunks(const DatasetInfo& info) {
  std::uint64_t chunks = 1;
  for (std::size_t i = 0; i < info.chunk.size(); ++i)
    chunks = product(chunks, static_cast<std::uint64_t>(
                                 info.extents[i] / std::max<std::int64_t>(1, info.chunk[i]) +
                                 (info.extents[i] % std::max<std::int64_t>(1, info.chunk[i]) != 0)));
  return chunks;
}

/// Whether values of so many bytes would be packed better than any photograph. Deflate's limit is 1032, but
/// events in a few pixels go through several filters, or through others; small files may be all zeros.
bool is_surprising(std::uint64_t bytes, std::uint64_t stored_bytes) {
  constexpr std::uint64_t kMostCompression = 1100;
  constexpr std::uint64_t kHarmless = 64 << 20;
  return bytes > kHarmless && bytes / kMostCompression > stored_bytes;
}

bool may_be_sparse(const DatasetInfo& info) {
  if (info.filters.empty() || info.chunk.empty()) return false;
  std::uint64_t bytes = info.type.bytes;
  for (const std::int64_t extent : info.extents) bytes = product(bytes, static_cast<std::uint64_t>(extent));
  return is_surprising(bytes, info.stored_bytes);
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

}  // namespace

DatasetInfo describe_dataset_object(hid_t dataset, const Hdf5Place& place) {
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
        "{0}, {1}: keeps its values in another file, which is not followed: it could be any file. Bring them into one file with `h5repack -l CONTI {0} NEW.h5`, in the folder that the file was written for: from elsewhere it may find no values and write zeros.",
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
  if (may_be_sparse(info)) info.stored_chunks = count_chunks(dataset, place);
  return info;
}

std::uint64_t count_chunks(hid_t dataset, const Hdf5Place& place) {
  const auto space = hdf5_handle("H5Dget_space", place, [&] { return H5Dget_space(dataset); });
  hsize_t chunks = 0;
  hdf5_call("H5Dget_num_chunks", place, [&] { return H5Dget_num_chunks(dataset, space.get(), &chunks); });
  return chunks;
}

std::uint64_t checked_bytes(const DatasetInfo& info, const std::string& file, const std::string& name,
                            Sparse sparse) {
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
  const std::uint64_t held = std::min(info.stored_bytes, unreadable ? info.stored_bytes : file_bytes);
  const bool plain = info.filters.empty();
  const bool counted = info.stored_chunks && *info.stored_chunks >= all_chunks(info);
  const bool inflated = is_surprising(bytes, held) && !(counted && sparse == Sparse::allow);
  if (inflated && info.stored_chunks && !counted)
    throw DataError(
        "{}, {}: only {} of its {} chunks were ever written. Finish its writing; where images of zeros are meant, write these.",
        file, name, *info.stored_chunks, all_chunks(info));
  if (bytes > 0 && (info.stored_bytes == 0 || inflated || (plain && held < bytes)))
    throw DataError(
        "{}, {}: claims {} bytes of values, but the file holds only {}. It is truncated, or its writing never finished; copy or make it again.",
        file, name, bytes, held);
  return bytes;
}

}  // namespace annulus::io
