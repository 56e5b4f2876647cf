// turbojpeg and libpng, each behind its one check.
#include "io/pictures/image_codec.hpp"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/unique_handle.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{64} << 20;

struct JpegTraits {
  using type = tjhandle;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept { tjDestroy(handle); }
};
using JpegHandle = UniqueHandle<JpegTraits>;

/// libpng's control block; freeing it twice is allowed.
struct PngImage {
  PngImage() { control.version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(&control); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  png_image control{};
};

bool starts_with(std::span<const std::byte> file, std::initializer_list<int> magic) {
  return file.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), file.begin(),
                    [](int wanted, std::byte found) { return wanted == std::to_integer<int>(found); });
}

[[noreturn]] void throw_damaged(const std::string& place, const std::string& reason) {
  throw DataError("{}: cannot be decoded ({}). The image is damaged or truncated; replace or remove it.",
                  place, reason);
}

Image blank(std::int64_t height, std::int64_t width, Colour colour, const std::string& place) {
  if (height < 1 || width < 1) throw_damaged(place, "the image has no size");
  if (height > kMostPixels / width)
    throw DataError("{}: claims {} x {} pixels, more than the {} million an image may have.", place, height,
                    width, kMostPixels >> 20);
  Image image{height, width, colour == Colour::rgb ? 3 : 1, {}};
  image.pixels.resize(static_cast<std::size_t>(height * width * image.channels));
  return image;
}

/// Corrupt data is only a warning to libjpeg, which then fills the rest with grey. Stray bytes between
/// markers are harmless and common; everything else is an error here.
bool is_harmless(tjhandle handle) {
  return tjGetErrorCode(handle) == TJERR_WARNING &&
         std::strstr(tjGetErrorStr2(handle), "extraneous bytes before marker") != nullptr;
}

Image decode_jpeg(tjhandle handle, std::span<const std::byte> file, Colour colour, const std::string& place) {
  const auto* const data = reinterpret_cast<const unsigned char*>(file.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int space = 0;
  if (tjDecompressHeader3(handle, data, file.size(), &width, &height, &subsampling, &space) != 0 &&
      !is_harmless(handle))
    throw_damaged(place, tjGetErrorStr2(handle));
  if (space == TJCS_CMYK || space == TJCS_YCCK)
    throw DataError(
        "{}: is a CMYK JPEG, made for printing. Convert it to RGB first (ImageMagick: -colorspace sRGB).",
        place);
  Image image = blank(height, width, colour, place);
  const int format = colour == Colour::rgb ? TJPF_RGB : TJPF_GRAY;
  if (tjDecompress2(handle, data, file.size(), image.pixels.data(), width, 0, height, format,
                    TJFLAG_ACCURATEDCT) != 0 &&
      !is_harmless(handle))
    throw_damaged(place, tjGetErrorStr2(handle));
  return image;
}

Image decode_png(std::span<const std::byte> file, Colour colour, const std::string& place) {
  PngImage png;
  png_image& control = png.control;
  if (png_image_begin_read_from_memory(&control, file.data(), file.size()) == 0)
    throw_damaged(place, control.message);
  Image image = blank(control.height, control.width, colour, place);
  control.format = colour == Colour::rgb ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  const png_color black{0, 0, 0};
  if (png_image_finish_read(&control, &black, image.pixels.data(), 0, nullptr) == 0)
    throw_damaged(place, control.message);
  return image;
}

/// Contributions of input pixels to one output pixel along one axis.
struct Window {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Window> triangle_windows(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double radius = std::max(1.0, scale);
  std::vector<Window> windows;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    Window window;
    window.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - radius + 0.5)));
    const auto last = std::min(from, static_cast<std::int64_t>(std::floor(centre + radius + 0.5)));
    double total = 0;
    for (std::int64_t k = window.first; k < last; ++k) {
      const double weight = std::max(0.0, 1.0 - std::abs((static_cast<double>(k) + 0.5 - centre) / radius));
      window.weights.push_back(static_cast<float>(weight));
      total += weight;
    }
    for (float& weight : window.weights) weight = static_cast<float>(weight / total);
    windows.push_back(std::move(window));
  }
  return windows;
}

/// Resamples the middle axis of (outer, from, inner) values.
std::vector<float> resample_axis(const std::vector<float>& values, std::int64_t outer, std::int64_t inner,
                                 const std::vector<Window>& windows) {
  const auto to = static_cast<std::int64_t>(windows.size());
  const std::int64_t from = static_cast<std::int64_t>(values.size()) / outer / inner;
  std::vector<float> result(static_cast<std::size_t>(outer * to * inner), 0.0f);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < to; ++i) {
      const Window& window = windows[static_cast<std::size_t>(i)];
      float* const target = result.data() + (o * to + i) * inner;
      const float* source = values.data() + (o * from + window.first) * inner;
      for (const float weight : window.weights) {
        for (std::int64_t c = 0; c < inner; ++c) target[c] += weight * source[c];
        source += inner;
      }
    }
  }
  return result;
}

}  // namespace

struct ImageDecoder::Impl {
  JpegHandle jpeg{tjInitDecompress()};
};

ImageDecoder::ImageDecoder() : impl_(std::make_unique<Impl>()) {
  if (!impl_->jpeg) throw RuntimeError("The JPEG decoder could not be started: {}", tjGetErrorStr2(nullptr));
}
ImageDecoder::~ImageDecoder() = default;
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;

Image ImageDecoder::decode(std::span<const std::byte> file, Colour colour, const std::string& place) {
  if (starts_with(file, {0xff, 0xd8, 0xff})) return decode_jpeg(impl_->jpeg.get(), file, colour, place);
  if (starts_with(file, {0x89, 'P', 'N', 'G'})) return decode_png(file, colour, place);
  throw DataError("{}: is neither JPEG nor PNG ({} bytes). Convert, replace or remove it.", place,
                  file.size());
}

bool has_image_name(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  std::string ending = name.substr(dot + 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  return ending == "jpg" || ending == "jpeg" || ending == "png";
}

Image resize(const Image& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return image;
  std::vector<float> values(image.pixels.begin(), image.pixels.end());
  values = resample_axis(values, image.height, image.channels, triangle_windows(image.width, width));
  values = resample_axis(values, 1, width * image.channels, triangle_windows(image.height, height));
  Image result{height, width, image.channels, {}};
  result.pixels.resize(values.size());
  std::transform(values.begin(), values.end(), result.pixels.begin(), [](float value) {
    return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0l, 255l));
  });
  return result;
}

}  // namespace annulus::io
