// See chunk_reader.hpp. Filters of a chunk are undone from the last to the first; bit k of its mask says that
// it never went through filter k.
// https://docs.hdfgroup.org/archive/support/HDF5/doc/Advanced/DirectChunkWrite/UsingDirectChunkWrite.pdf
#include "io/hdf5/chunk_reader.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

#include "base/error.hpp"
#include "io/hdf5/advice.hpp"

namespace annulus::io {
namespace {

constexpr std::array kElementTypes{ElementType::uint8,  ElementType::int32,   ElementType::int64,
                                   ElementType::uint64, ElementType::float32, ElementType::float64};

/// The type of memory that holds stored values as they are.
std::optional<ElementType> type_in_memory(hid_t dataset, const StoredType& stored) {
  if (stored.kind == StoredType::Kind::unsigned_integer && stored.bytes == 1)
    return ElementType::uint8;  // whatever order its one byte has
  const Hdf5Handle type(H5Dget_type(dataset));
  const auto found = std::ranges::find_if(
      kElementTypes, [&](ElementType each) { return H5Tequal(type.get(), memory_type(each)) > 0; });
  return found == kElementTypes.end() ? std::nullopt : std::optional(*found);
}

/// Whether the filters are nothing, deflate, shuffle, or the two in this order; they are noted.
bool take_filters(hid_t plist, ChunkForm& form) {
  const int count = H5Pget_nfilters(plist);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0, config = 0;
    std::array<unsigned, 1> values{};
    std::size_t value_count = values.size();
    const H5Z_filter_t id = H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &value_count,
                                           values.data(), 0, nullptr, &config);
    if (id == H5Z_FILTER_SHUFFLE && i == 0 && value_count >= 1 && values[0] == form.value_bytes)
      form.shuffle = static_cast<unsigned>(i);
    else if (id == H5Z_FILTER_DEFLATE && !form.deflate)
      form.deflate = static_cast<unsigned>(i);
    else
      return false;
  }
  return count >= 0;
}

bool is_written_to(hid_t dataset) {
  const Hdf5Handle file(H5Iget_file_id(dataset));
  unsigned intent = 0;
  return file.get() < 0 || H5Fget_intent(file.get(), &intent) < 0 || intent != H5F_ACC_RDONLY;
}

/// The first bytes of all values, then all second ones, and so on, become values again.
template <std::size_t kBytes>
void unshuffle(const std::byte* from, std::size_t count, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t byte = 0; byte < kBytes; ++byte) to[i * kBytes + byte] = from[byte * count + i];
}

void unshuffle(std::span<const std::byte> from, std::size_t value_bytes, std::span<std::byte> to) {
  const std::size_t count = to.size() / value_bytes;
  if (value_bytes == sizeof(float)) return unshuffle<sizeof(float)>(from.data(), count, to.data());
  expect_contract(value_bytes == sizeof(double), "values of several bytes have four or eight");
  unshuffle<sizeof(double)>(from.data(), count, to.data());
}

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* each) const { libdeflate_free_decompressor(each); }
};

/// The thread's own: making one takes as long as unpacking a small chunk.
libdeflate_decompressor* decompressor() {
  thread_local const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> made(
      libdeflate_alloc_decompressor());
  if (!made) throw std::bad_alloc();
  return made.get();
}

}  // namespace

std::optional<ChunkForm> chunk_form(hid_t dataset, const DatasetInfo& info) {
  if (info.chunk.empty() || info.chunk.front() < 1 ||
      !std::equal(info.chunk.begin() + 1, info.chunk.end(), info.extents.begin() + 1))
    return std::nullopt;
  silence_hdf5();
  const std::optional<ElementType> type = type_in_memory(dataset, info.type);
  if (!type || is_written_to(dataset)) return std::nullopt;
  ChunkForm form{.type = *type,
                 .rank = info.extents.size(),
                 .rows = static_cast<std::uint64_t>(info.chunk.front()),
                 .all_rows = info.rows(),
                 .row_bytes = info.type.bytes,
                 .value_bytes = info.type.bytes};
  for (std::size_t i = 1; i < info.extents.size(); ++i)  // no overflow: check_chunk() has seen the product
    form.row_bytes *= static_cast<std::size_t>(info.extents[i]);
  const Hdf5Handle plist(H5Dget_create_plist(dataset));
  unsigned options = 0;
  if (form.row_bytes == 0 || plist.get() < 0 || H5Pget_chunk_opts(plist.get(), &options) < 0 ||
      options != 0 || !take_filters(plist.get(), form))
    return std::nullopt;
  return form;
}

std::uint64_t ChunkReader::read(std::uint64_t chunk, std::span<std::byte> values) {
  silence_hdf5();
  std::vector<hsize_t> offset(form_.rank, 0);
  offset[0] = chunk * form_.rows;
  hsize_t size = 0;
  // Deflate makes nothing longer by more than a thousandth.
  const std::uint64_t most = form_.bytes() + form_.bytes() / 64 + 4096;
  if (H5Dget_chunk_storage_size(dataset_, offset.data(), &size) < 0 || size == 0 || size > most) return 0;
  stored_.resize(size);
  std::uint32_t skipped = 0;
  hdf5_call("H5Dread_chunk", place_,
            [&] { return H5Dread_chunk(dataset_, H5P_DEFAULT, offset.data(), &skipped, stored_.data()); });
  if (values.size() == form_.bytes()) {
    unpack(chunk, skipped, values);
    return size;
  }
  unpacked_.resize(form_.bytes());  // the last one, which ends behind the last row
  unpack(chunk, skipped, unpacked_);
  std::memcpy(values.data(), unpacked_.data(), values.size());
  return size;
}

/// @param values  a whole chunk
void ChunkReader::unpack(std::uint64_t chunk, std::uint32_t skipped, std::span<std::byte> values) {
  const auto went_through = [skipped](const std::optional<unsigned>& filter) {
    return filter && (skipped >> *filter & 1U) == 0;
  };
  const bool shuffled = went_through(form_.shuffle) && form_.value_bytes > 1;
  std::span<std::byte> target = values;
  if (shuffled) {
    shuffled_.resize(values.size());
    target = shuffled_;
  }
  if (went_through(form_.deflate)) {
    inflate(chunk, target);
  } else {
    if (stored_.size() != target.size())
      damaged(chunk, fmt::format("their chunk has {} bytes instead of {}", stored_.size(), target.size()));
    std::memcpy(target.data(), stored_.data(), target.size());
  }
  if (shuffled) unshuffle(target, form_.value_bytes, values);
}

void ChunkReader::inflate(std::uint64_t chunk, std::span<std::byte> whole) {
  std::size_t size = 0;
  switch (libdeflate_zlib_decompress(decompressor(), stored_.data(), stored_.size(), whole.data(),
                                     whole.size(), &size)) {
    case LIBDEFLATE_SUCCESS:
      if (size == whole.size()) return;
      damaged(chunk, fmt::format("their chunk inflates to {} bytes instead of {}", size, whole.size()));
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      damaged(chunk, fmt::format("their chunk inflates to more than its {} bytes", whole.size()));
    case LIBDEFLATE_BAD_DATA:
    case LIBDEFLATE_SHORT_OUTPUT:
      break;
  }
  damaged(chunk, "their chunk does not inflate");
}

void ChunkReader::damaged(std::uint64_t chunk, const std::string& reason) const {
  const std::uint64_t first = chunk * form_.rows;
  const std::string rows = fmt::format("rows {} to {}", first, first + form_.rows_in(chunk) - 1);
  throw DataError("{}, {}: {}", place_.file, place_.object, reading_trouble(place_.file, rows, reason));
}

}  // namespace annulus::io
