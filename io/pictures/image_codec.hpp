// JPEG and PNG to pixels, and a change of size.
//
// In: bytes of a picture file, from anywhere.
// Out: 8-bit pixels, channels last; DataError for everything else.
// Invariant: no size is believed before it is checked against the limit.
// Next: contact_sheet.hpp (pictures of samples) and gnuplot.hpp (pictures of curves), which go the other
// way: from numbers to a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"

namespace annulus::io {

/// 8-bit image, rows from the top, channels last.
struct Image {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 1 or 3
  std::vector<std::uint8_t> pixels;
};

enum class Colour { rgb, grey };

/// Decodes JPEG (turbojpeg) and PNG (libpng), told apart by their first bytes. Grey images asked for as RGB
/// get three equal channels; transparent PNG pixels are laid on black; 16-bit PNG is rounded to 8. One per
/// thread.
class ImageDecoder {
 public:
  ImageDecoder();
  ~ImageDecoder();
  ImageDecoder(ImageDecoder&&) noexcept;

  /// @param place  for messages: source and entry
  /// @throws DataError for what is not an image, damaged, truncated, or above 64 million pixels
  Image decode(std::span<const std::byte> file, Colour colour, const std::string& place);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether the name ends like an image file (.jpg, .jpeg, .png, any case).
bool has_image_name(const std::string& name);

/// Resamples with a triangle filter as wide as an output pixel (bilinear when enlarging, antialiased when
/// shrinking, as Pillow's BILINEAR). The aspect ratio is not kept.
Image resize(const Image& image, std::int64_t height, std::int64_t width);

}  // namespace annulus::io
