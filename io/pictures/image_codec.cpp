// Which format a file is of, by its first bytes or its name.
#include "io/pictures/image_codec.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "io/pictures/jpeg_reader.hpp"
#include "io/pictures/png_reader.hpp"

namespace annulus::io {
namespace {

bool has_at(std::span<const std::byte> file, std::size_t at, std::string_view magic) {
  return file.size() >= at + magic.size() &&
         std::equal(magic.begin(), magic.end(), file.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char wanted, std::byte found) {
                      return static_cast<unsigned char>(wanted) == std::to_integer<unsigned char>(found);
                    });
}

/// What a file is that is no picture for us, in words for a message.
std::string other_format(std::span<const std::byte> file) {
  if (has_at(file, 0, "RIFF") && has_at(file, 8, "WEBP")) return "is WebP";
  if (has_at(file, 0, "GIF8")) return "is GIF";
  if (has_at(file, 0, "BM")) return "is BMP";
  if (has_at(file, 0, {"II*\0", 4}) || has_at(file, 0, {"MM\0*", 4})) return "is TIFF";
  if (has_at(file, 4, "ftyp")) return "is AVIF, HEIC or a film";
  if (has_at(file, 0, "<")) return "is a web page or SVG";
  return "is neither JPEG nor PNG";
}

[[noreturn]] void throw_other_format(std::span<const std::byte> file, const std::string& place) {
  const std::string format = other_format(file);
  throw DataError("{}: {} ({} bytes){}. Convert, replace or remove it.", place, format, file.size(),
                  format.ends_with("PNG") ? "" : ", whatever its name says, and only JPEG and PNG are read");
}

std::string ending_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.find('/', dot) != std::string::npos) return {};
  std::string ending = name.substr(dot + 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return ending;
}

bool is_jpeg(std::span<const std::byte> file) { return has_at(file, 0, "\xff\xd8\xff"); }
bool is_png(std::span<const std::byte> file) { return has_at(file, 0, "\x89PNG"); }

}  // namespace

struct ImageDecoder::Impl {
  JpegHandle jpeg{tjInitDecompress()};
};

ImageDecoder::ImageDecoder() : impl_(std::make_unique<Impl>()) {
  if (!impl_->jpeg) throw RuntimeError("The JPEG decoder could not be started: {}", tjGetErrorStr2(nullptr));
}
ImageDecoder::~ImageDecoder() = default;
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;

Image ImageDecoder::decode(std::span<const std::byte> file, const DecodeOptions& options,
                           const std::string& place) {
  if (is_jpeg(file)) return decode_jpeg(impl_->jpeg.get(), file, options, place);
  if (is_png(file)) return decode_png<std::uint8_t>(file, options, place);
  throw_other_format(file, place);
}

FloatImage ImageDecoder::decode_float(std::span<const std::byte> file, const DecodeOptions& options,
                                      const std::string& place) {
  if (is_png(file)) return decode_png<float>(file, options, place);
  const Image image = decode(file, options, place);
  return {image.height, image.width, image.channels, {image.pixels.begin(), image.pixels.end()}, image.notes};
}

bool has_image_name(const std::string& name) {
  const std::string ending = ending_of(name);
  constexpr std::string_view kEndings[] = {"jpg", "jpeg", "jpe", "jfif", "png"};
  return std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings);
}

std::string unread_picture_format(const std::string& name) {
  constexpr std::pair<std::string_view, const char*> kFormats[] = {
      {"webp", "WebP"}, {"gif", "GIF"},        {"bmp", "BMP"},        {"dib", "BMP"},
      {"tif", "TIFF"},  {"tiff", "TIFF"},      {"avif", "AVIF"},      {"heic", "HEIC"},
      {"heif", "HEIC"}, {"jxl", "JPEG XL"},    {"jp2", "JPEG 2000"},  {"ppm", "PPM"},
      {"pgm", "PGM"},   {"pbm", "PBM"},        {"pnm", "PNM"},        {"tga", "TGA"},
      {"svg", "SVG"},   {"dcm", "DICOM"},      {"exr", "EXR"},        {"hdr", "HDR"},
      {"ico", "ICO"},   {"raw", "camera raw"}, {"dng", "camera raw"}, {"npy", "NumPy"}};
  const std::string ending = ending_of(name);
  for (const auto& [known, format] : kFormats)
    if (ending == known) return format;
  return {};
}

}  // namespace annulus::io
