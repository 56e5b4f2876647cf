// PNG files of any kind for the tests, written by libpng's own calls.
#pragma once

#include <png.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace annulus::io {

struct PngFile {
  int colour_type = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  std::uint32_t width = 1;
  std::vector<std::uint16_t> samples;  ///< one per channel and pixel, row by row
  bool interlaced = false;
  std::vector<png_color> palette = {};
  std::vector<png_byte> palette_alpha = {};
  std::vector<std::uint16_t> transparent = {};  ///< the grey or colour that stands for nothing
  double gamma = 0;                             ///< 0: no gAMA
  int significant_bits = 0;                     ///< 0: no sBIT
  std::vector<png_byte> exif = {};
};

inline int png_channels(int colour_type) {
  return ((colour_type & PNG_COLOR_MASK_COLOR) != 0 && (colour_type & PNG_COLOR_MASK_PALETTE) == 0 ? 3 : 1) +
         ((colour_type & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
}

inline void set_png_chunks(png_structp png, png_infop info, PngFile& file) {
  if (!file.palette.empty())
    png_set_PLTE(png, info, file.palette.data(), static_cast<int>(file.palette.size()));
  if (!file.palette_alpha.empty())
    png_set_tRNS(png, info, file.palette_alpha.data(), static_cast<int>(file.palette_alpha.size()), nullptr);
  if (!file.transparent.empty()) {
    png_color_16 colour{};
    colour.gray = file.transparent[0];
    if (file.transparent.size() == 3) {
      colour.red = file.transparent[0];
      colour.green = file.transparent[1];
      colour.blue = file.transparent[2];
    }
    png_set_tRNS(png, info, nullptr, 0, &colour);
  }
  if (file.gamma > 0) png_set_gAMA(png, info, file.gamma);
  if (file.significant_bits > 0) {
    const auto bits = static_cast<png_byte>(file.significant_bits);
    const png_color_8 significant{bits, bits, bits, bits, bits};
    png_set_sBIT(png, info, &significant);
  }
  if (!file.exif.empty())
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(file.exif.size()), file.exif.data());
}

/// The bytes of the file. A mistake in it ends the test program: libpng says which.
inline std::string png_file(PngFile file) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp writer, png_bytep data, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(writer))->append(reinterpret_cast<const char*>(data), size);
      },
      nullptr);
  const std::size_t row = file.width * static_cast<std::size_t>(png_channels(file.colour_type));
  const std::size_t height = file.samples.size() / row;
  png_set_IHDR(png, info, file.width, static_cast<png_uint_32>(height), file.depth, file.colour_type,
               file.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  set_png_chunks(png, info, file);
  png_write_info(png, info);
  png_set_packing(png);
  std::vector<png_byte> packed;
  for (const std::uint16_t sample : file.samples) {
    if (file.depth == 16) packed.push_back(static_cast<png_byte>(sample >> 8));
    packed.push_back(static_cast<png_byte>(sample));
  }
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < height; ++y) rows.push_back(packed.data() + y * packed.size() / height);
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

/// A kind of PNG: colour type, depth, and whether some colour or palette entry is transparent by tRNS.
struct PngKind {
  int colour_type;
  int depth;
  bool transparency;
};

/// A picture of that kind whose sample i is the upper `depth` bits of (40503 i + 11003) mod 65536.
inline PngFile patterned_png(const PngKind& kind, std::uint32_t width, std::uint32_t height) {
  PngFile file{.colour_type = kind.colour_type, .depth = kind.depth, .width = width, .samples = {}};
  const auto channels = static_cast<std::uint32_t>(png_channels(kind.colour_type));
  for (std::uint32_t i = 0; i < width * height * channels; ++i)
    file.samples.push_back(static_cast<std::uint16_t>((i * 40503 + 11003) % 65536 >> (16 - kind.depth)));
  if (kind.colour_type == PNG_COLOR_TYPE_PALETTE) {
    const auto byte = [](int value) { return static_cast<png_byte>(value % 256); };
    for (int i = 0; i < 1 << kind.depth; ++i) {
      file.palette.push_back({byte(111 * i + 91), byte(111 * i + 128), byte(111 * i + 165)});
      if (kind.transparency) file.palette_alpha.push_back(byte(53 * i + 10));
    }
  } else if (kind.transparency) {  // the colour of pixel 1
    file.transparent.assign(file.samples.begin() + channels, file.samples.begin() + 2 * channels);
  }
  return file;
}

}  // namespace annulus::io
