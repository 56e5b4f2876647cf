// EXIF as far as one tag needs it. Every length in it is somebody's claim.
#include "io/pictures/orientation.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace annulus::io {
namespace {

/// Whole numbers of a block in one byte order; 0 beyond its end.
class TiffBlock {
 public:
  explicit TiffBlock(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool begins_with(std::string_view magic) const {
    return bytes_.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), bytes_.begin(), [](char wanted, std::byte found) {
             return static_cast<unsigned char>(wanted) == std::to_integer<unsigned char>(found);
           });
  }
  void big_endian(bool big) { big_ = big; }

  std::uint32_t number(std::size_t at, std::size_t length) const {
    if (at > bytes_.size() || length > bytes_.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + (big_ ? i : length - 1 - i)]);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_ = true;
};

}  // namespace

int exif_orientation(std::span<const std::byte> exif) {
  constexpr std::uint32_t kOrientation = 274, kShort = 3, kLong = 4;
  constexpr std::size_t kEntry = 12;
  TiffBlock block(exif);
  if (block.begins_with({"II*\0", 4}))
    block.big_endian(false);
  else if (!block.begins_with({"MM\0*", 4}))
    return kUpright;
  const std::size_t directory = block.number(4, 4);
  const std::size_t entries = block.number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (block.number(entry, 2) != kOrientation) continue;
    const std::uint32_t type = block.number(entry + 2, 2);
    const std::uint32_t value = type == kShort  ? block.number(entry + 8, 2)
                                : type == kLong ? block.number(entry + 8, 4)
                                                : kUpright;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

int jpeg_orientation(std::span<const std::byte> file) {
  constexpr std::uint32_t kApp1 = 0xe1, kStartOfScan = 0xda, kEndOfImage = 0xd9;
  constexpr std::string_view kExif("Exif\0\0", 6);
  const TiffBlock bytes(file);
  for (std::size_t at = 2; at + 4 <= file.size();) {
    const std::uint32_t marker = bytes.number(at + 1, 1);
    // Anything before a marker is skipped, as libjpeg does; a marker may be filled up with further 0xff.
    if (bytes.number(at, 1) != 0xff || marker == 0xff || marker == 0) {
      ++at;
      continue;
    }
    if (marker == kStartOfScan || marker == kEndOfImage) break;
    const std::size_t length = std::max<std::size_t>(2, bytes.number(at + 2, 2));
    const std::size_t body = at + 4;
    at += 2 + length;
    if (at > file.size()) break;
    const auto segment = file.subspan(body, length - 2);
    if (marker == kApp1 && TiffBlock(segment).begins_with(kExif))
      return exif_orientation(segment.subspan(kExif.size()));
  }
  return kUpright;
}

template <class Value>
ImageOf<Value> upright(ImageOf<Value> stored, int orientation) {
  if (orientation == kUpright) return stored;
  const bool transposed = orientation >= 5;
  const bool rows_reversed = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool columns_reversed = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  ImageOf<Value> turned{transposed ? stored.width : stored.height,
                        transposed ? stored.height : stored.width,
                        stored.channels,
                        {},
                        stored.notes};
  turned.notes.turned = true;
  turned.pixels.resize(stored.pixels.size());
  auto target = turned.pixels.begin();
  for (std::int64_t y = 0; y < turned.height; ++y) {
    for (std::int64_t x = 0; x < turned.width; ++x) {
      const std::int64_t row = transposed ? x : y;
      const std::int64_t column = transposed ? y : x;
      const std::int64_t from = (rows_reversed ? stored.height - 1 - row : row) * stored.width +
                                (columns_reversed ? stored.width - 1 - column : column);
      target = std::copy_n(stored.pixels.begin() + from * stored.channels, stored.channels, target);
    }
  }
  return turned;
}

template Image upright(Image, int);
template FloatImage upright(FloatImage, int);

}  // namespace annulus::io
