// The chunk is unpacked by liblzf, within its bounds. The layout of a packed chunk and the meaning of the
// values of the filter are those of h5py (lzf/lzf_filter.c, https://github.com/h5py/h5py): the third is the
// size of a chunk.
#include "io/hdf5/lzf_filter.hpp"

#include <hdf5.h>
#include <liblzf/lzf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace annulus::io {
namespace {

constexpr H5Z_filter_t kLzf = 32000;
constexpr std::size_t kChunkSize = 2;                   ///< among the values of the filter
constexpr std::size_t kLargest = std::size_t{1} << 30;  ///< chunks that are larger are refused before
constexpr std::size_t kMostRatio = 256;                 ///< 3 bytes become at most 264

/// @return bytes of the unpacked chunk, 0 for nonsense; then the buffer stays as it was
std::size_t unpack(unsigned flags, std::size_t value_count, const unsigned* values, std::size_t bytes,
                   std::size_t* buffer_bytes, void** buffer) noexcept {
  if ((flags & H5Z_FLAG_REVERSE) == 0 || bytes == 0 || bytes > kLargest) return 0;
  const std::size_t chunk = value_count > kChunkSize ? values[kChunkSize] : 0;
  const std::size_t most = std::min(kLargest, bytes * kMostRatio);
  // Another filter may have made a chunk longer before it was packed, by a checksum for example.
  for (std::size_t room = std::clamp(chunk, std::min(bytes, most), most);; room = std::min(2 * room, most)) {
    void* unpacked = H5allocate_memory(room, false);
    if (unpacked == nullptr) return 0;
    errno = 0;
    const unsigned size =
        ::lzf_decompress(*buffer, static_cast<unsigned>(bytes), unpacked, static_cast<unsigned>(room));
    if (size > 0 && size >= chunk) {
      H5free_memory(*buffer);
      *buffer = unpacked;
      *buffer_bytes = room;
      return size;
    }
    H5free_memory(unpacked);
    if (size > 0 || errno != E2BIG || room == most) return 0;
  }
}

}  // namespace

void register_lzf_filter() {
  constexpr H5Z_class2_t kFilter{H5Z_CLASS_T_VERS, kLzf, 0, 1, "lzf", nullptr, nullptr, unpack};
  static_cast<void>(H5Zregister(&kFilter));  // without it such files name the filter that is missing
}

}  // namespace annulus::io
