// libpng leaves its calls by longjmp, which runs no destructors: calls are made in blocks that own nothing.
#include "io/pictures/png_reader.hpp"

#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "io/pictures/blank_image.hpp"
#include "io/pictures/orientation.hpp"
#include "io/pictures/pixel_conversion.hpp"

namespace annulus::io {
namespace {

/// What is left of the file, and what libpng had to say.
struct PngInput {
  std::span<const std::byte> rest;
  char message[128] = "";
};

void read_bytes(png_structp png, png_bytep target, std::size_t count) {
  auto& input = *static_cast<PngInput*>(png_get_io_ptr(png));
  if (count > input.rest.size()) png_error(png, "the file ends early");
  std::memcpy(target, input.rest.data(), count);
  input.rest = input.rest.subspan(count);
}

[[noreturn]] void keep_error(png_structp png, png_const_charp message) {
  auto& input = *static_cast<PngInput*>(png_get_error_ptr(png));
  std::snprintf(input.message, sizeof input.message, "%s", message);
  png_longjmp(png, 1);
}

/// Warnings are about what does not touch the pixels: a profile with a flaw, a chunk in the wrong place.
void ignore_warning(png_structp, png_const_charp) {}

class PngReader {
 public:
  PngReader(std::span<const std::byte> file, const std::string& place) : input_{file}, place_(place) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input_, keep_error, ignore_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw RuntimeError("{}: no memory to decode the picture.", place);
    }
    png_set_read_fn(png_, &input_, read_bytes);
    png_set_benign_errors(png_, 1);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Reads what comes before the pixels, and asks for samples of 8 or 16 bits with the alpha that there is.
  void begin() {
    guarded([this] {
      png_read_info(png_, info_);
      deep_ = png_get_bit_depth(png_, info_) == 16;
      png_set_expand(png_);  // palettes, fewer than 8 bits, and one transparent colour
      if (deep_ && std::endian::native == std::endian::little) png_set_swap(png_);
      passes_ = png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      height_ = png_get_image_height(png_, info_);
      width_ = png_get_image_width(png_, info_);
      channels_ = png_get_channels(png_, info_);
      row_bytes_ = png_get_rowbytes(png_, info_);
      png_bytep exif = nullptr;
      png_uint_32 exif_bytes = 0;
      if (png_get_eXIf_1(png_, info_, &exif_bytes, &exif) != 0)
        orientation_ = exif_orientation(std::as_bytes(std::span<const png_byte>(exif, exif_bytes)));
    });
  }

  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  bool deep() const { return deep_; }
  int orientation() const { return orientation_; }

  /// @param pixels  room for all of the image
  template <class Value>
  void read(const DecodeOptions& options, Value* pixels) {
    // An interlaced picture comes in passes over all of it, any other one row by row.
    const std::size_t rows_held = passes_ > 1 ? height_ : 1;
    // Samples of 16 bits stand where they may be read as such.
    std::vector<std::uint16_t> samples((rows_held * row_bytes_ + 1) / 2);
    auto* const bytes = reinterpret_cast<png_bytep>(samples.data());
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::size_t row = 0; row < height_; ++row) {
        png_bytep const target = bytes + (passes_ > 1 ? row * row_bytes_ : 0);
        guarded([this, target] { png_read_row(png_, target, nullptr); });
        if (pass + 1 == passes_) pixels = convert(target, options, pixels);
      }
    }
  }
  bool transparent() const { return transparent_; }

 private:
  template <class Value>
  Value* convert(png_const_bytep row, const DecodeOptions& options, Value* pixels) {
    const std::size_t count = std::size_t{width_} * channels_;
    const bool transparent =
        deep_ ? convert_pixels(std::span(reinterpret_cast<const std::uint16_t*>(row), count), channels_,
                               options, pixels)
              : convert_pixels(std::span<const std::uint8_t>(row, count), channels_, options, pixels);
    transparent_ = transparent_ || transparent;
    return pixels + std::size_t{width_} * (options.colour == Colour::rgb ? 3 : 1);
  }

  /// The one check of libpng. @param calls  owns nothing: an error leaves it without destructors
  template <class Calls>
  void guarded(const Calls& calls) {
    if (setjmp(png_jmpbuf(png_)) != 0) throw_damaged_picture(place_, input_.message);
    calls();
  }

  PngInput input_;
  const std::string& place_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::uint32_t height_ = 0;
  std::uint32_t width_ = 0;
  std::size_t channels_ = 0;
  std::size_t row_bytes_ = 0;
  int passes_ = 1;
  int orientation_ = kUpright;
  bool deep_ = false;
  bool transparent_ = false;
};

}  // namespace

template <class Value>
ImageOf<Value> decode_png(std::span<const std::byte> file, const DecodeOptions& options,
                          const std::string& place) {
  PngReader reader(file, place);
  reader.begin();
  auto image = blank_image<Value>(reader.height(), reader.width(), options.colour, place);
  reader.read(options, image.pixels.data());
  image.notes.deep = reader.deep();
  image.notes.transparent = reader.transparent();
  return options.orientation == Orientation::upright ? upright(std::move(image), reader.orientation())
                                                     : std::move(image);
}

template Image decode_png(std::span<const std::byte>, const DecodeOptions&, const std::string&);
template FloatImage decode_png(std::span<const std::byte>, const DecodeOptions&, const std::string&);

}  // namespace annulus::io
