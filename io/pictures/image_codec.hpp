// JPEG and PNG to pixels, and a change of size.
//
// In: bytes of a picture file, from anywhere.
// Out: pixels of 8 bits or floats, channels last; DataError for everything else.
// Invariant: no size is believed before it is checked against the limit. Values are those in the file: no
// gamma, no colour profile. Next: png_reader.hpp and jpeg_reader.hpp (one format each), pixel_conversion.hpp
// (what becomes of a pixel), orientation.hpp (which way up), contact_sheet.hpp (pictures of samples) and
// gnuplot.hpp (pictures of curves), which go the other way: from numbers to a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/enum_words.hpp"
#include "base/shape.hpp"

namespace annulus {
namespace io {

/// What a picture file held that its pixels show no more.
struct PictureNotes {
  bool turned = false;       ///< it was stored lying or mirrored, and its EXIF orientation was followed
  bool deep = false;         ///< 16 bits a value
  bool transparent = false;  ///< some pixel was not wholly opaque
  bool cmyk = false;         ///< made for printing, in four inks
};

/// Rows from the top, channels last. Value: std::uint8_t, or float from 0 to 255.
template <class Value>
struct ImageOf {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 1 or 3
  std::vector<Value> pixels;
  PictureNotes notes = {};
};
using Image = ImageOf<std::uint8_t>;
using FloatImage = ImageOf<float>;

enum class Colour { rgb, grey };

/// What becomes of transparency: the colour of a pixel is taken as if it were opaque, or laid on a ground.
enum class Alpha { drop, black, white };

/// Whether pictures are turned as their EXIF orientation says, as every viewer does.
enum class Orientation { upright, stored };

struct DecodeOptions {
  Colour colour = Colour::rgb;
  Alpha alpha = Alpha::drop;
  Orientation orientation = Orientation::upright;
};

/// Decodes JPEG (turbojpeg) and PNG (libpng), told apart by their first bytes. One per thread. All kinds of
/// PNG come out with the values that Pillow's convert("RGB") and convert("L") give; where they differ from
/// plain decoding:
/// - grey images asked for as RGB get three equal channels; colour becomes grey by Rec. 601,
///   (19595 R + 38470 G + 7471 B + 32768) / 65536, and JPEG hands out its own luma, the same to within
///   a step where RGB does not cut a strong colour off;
/// - fewer than 8 bits are spread over 0..255; of 16 bits the upper 8 are kept, or all of them as value / 257
/// in floats;
/// - gamma, colour profiles and significant bits (gAMA, iCCP, sRGB, sBIT) change nothing;
/// - CMYK is taken as Adobe writes it: R = (255 - C) (255 - K) / 255, and so on.
class ImageDecoder {
 public:
  ImageDecoder();
  ~ImageDecoder();
  ImageDecoder(ImageDecoder&&) noexcept;

  /// @param place  for messages: source and entry
  /// @throws DataError for what is not an image, damaged, truncated, or above 64 million pixels
  Image decode(std::span<const std::byte> file, const DecodeOptions& options, const std::string& place);
  /// The same, with nothing rounded: 16-bit values, grey and blends keep their fractions.
  FloatImage decode_float(std::span<const std::byte> file, const DecodeOptions& options,
                          const std::string& place);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether the name ends like an image file that can be read (.jpg, .jpeg, .jpe, .jfif, .png, any case).
bool has_image_name(const std::string& name);

/// The format that the name of a picture speaks of, when it is none that can be read ("WebP" for x.webp),
/// else "".
std::string unread_picture_format(const std::string& name);

/// How a picture comes to a size of another aspect ratio.
enum class Fit {
  stretch,  ///< to the size, whatever becomes of its proportions
  crop,     ///< its shorter side to the size, and the middle of the longer one is kept
  pad,      ///< its longer side to the size, between black margins of equal width
};

/// Resamples with a triangle filter as wide as an output pixel (bilinear when enlarging, antialiased when
/// shrinking, as Pillow's BILINEAR). The aspect ratio is not kept. Floats are not rounded.
Image resize(const Image& image, std::int64_t height, std::int64_t width);
FloatImage resize(const FloatImage& image, std::int64_t height, std::int64_t width);

/// The same with the aspect ratio as told. Of a square size `crop` is what torchvision's Resize and
/// CenterCrop give: the longer side is cut down to a whole pixel, and an odd margin is rounded to even.
Image fitted(const Image& image, std::int64_t height, std::int64_t width, Fit fit);
FloatImage fitted(const FloatImage& image, std::int64_t height, std::int64_t width, Fit fit);

}  // namespace io

template <>
struct EnumWords<io::Fit> {
  static constexpr std::array kWords{"stretch", "crop", "pad"};
};

template <>
struct EnumWords<io::Alpha> {
  static constexpr std::array kWords{"drop", "black", "white"};
};

template <>
struct EnumWords<io::Orientation> {
  static constexpr std::array kWords{"upright", "stored"};
};

}  // namespace annulus
