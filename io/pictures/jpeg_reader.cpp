// turbojpeg behind its one check, and CMYK, of which it makes no other colours.
#include "io/pictures/jpeg_reader.hpp"

#include <cstring>

#include "io/pictures/blank_image.hpp"
#include "io/pictures/orientation.hpp"
#include "io/pictures/pixel_conversion.hpp"

namespace annulus::io {
namespace {

/// Corrupt data is only a warning to libjpeg, which then fills the rest with grey. Stray bytes between
/// markers are harmless and common; everything else is an error here.
bool is_harmless(tjhandle handle) {
  return tjGetErrorCode(handle) == TJERR_WARNING &&
         std::strstr(tjGetErrorStr2(handle), "extraneous bytes before marker") != nullptr;
}

void check(int result, tjhandle handle, const std::string& place) {
  if (result == 0 || is_harmless(handle)) return;
  const std::string reason = tjGetErrorStr2(handle);
  if (reason.find("Unsupported") != std::string::npos)
    throw DataError(
        "{}: is a kind of JPEG that is not read ({}). Save it as an ordinary one of 8 bits, or as PNG.",
        place, reason);
  throw_damaged_picture(place, reason);
}

/// Decodes into pixels of `format`, tightly packed.
void decompress(tjhandle handle, std::span<const std::byte> file, TJPF format, Image& image,
                const std::string& place) {
  check(tjDecompress2(handle, reinterpret_cast<const unsigned char*>(file.data()), file.size(),
                      image.pixels.data(), static_cast<int>(image.width), 0, static_cast<int>(image.height),
                      format, TJFLAG_ACCURATEDCT),
        handle, place);
}

/// `ink` and `black` as they are stored: the more, the lighter. As Pillow: what the black lets through, less
/// what the ink takes of it.
std::uint8_t light_of(unsigned ink, unsigned black) {
  const unsigned taken = ((255 - ink) * black + 127) / 255;
  return static_cast<std::uint8_t>(black - taken);
}

void from_cmyk(const Image& inks, Image& image) {
  std::uint8_t* target = image.pixels.data();
  for (std::size_t at = 0; at < inks.pixels.size(); at += 4) {
    const std::uint8_t* const ink = inks.pixels.data() + at;
    const std::uint8_t red = light_of(ink[0], ink[3]);
    const std::uint8_t green = light_of(ink[1], ink[3]);
    const std::uint8_t blue = light_of(ink[2], ink[3]);
    if (image.channels == 1) {
      *target++ = grey_of(red, green, blue);
    } else {
      *target++ = red;
      *target++ = green;
      *target++ = blue;
    }
  }
}

}  // namespace

Image decode_jpeg(tjhandle handle, std::span<const std::byte> file, const DecodeOptions& options,
                  const std::string& place) {
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int space = 0;
  check(tjDecompressHeader3(handle, reinterpret_cast<const unsigned char*>(file.data()), file.size(), &width,
                            &height, &subsampling, &space),
        handle, place);
  Image image = blank_image<std::uint8_t>(height, width, options.colour, place);
  if (space == TJCS_CMYK || space == TJCS_YCCK) {
    Image inks{height, width, 4, {}};
    inks.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 4);
    decompress(handle, file, TJPF_CMYK, inks, place);
    from_cmyk(inks, image);
    image.notes.cmyk = true;
  } else {
    decompress(handle, file, options.colour == Colour::rgb ? TJPF_RGB : TJPF_GRAY, image, place);
  }
  return options.orientation == Orientation::upright ? upright(std::move(image), jpeg_orientation(file))
                                                     : std::move(image);
}

}  // namespace annulus::io
