// Images are drawn into one canvas, which libpng writes in a single call.
#include "io/pictures/contact_sheet.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "io/files/atomic_file.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kGap = 2;              // pixels around every image
constexpr std::int64_t kWantedHeight = 64;    // of an image when the scale is chosen here
constexpr std::int64_t kLargestSide = 32768;  // of a sheet; viewers give up beyond
constexpr std::uint8_t kBackground = 255;

struct Canvas {
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;  ///< 1 or 3
  std::vector<std::uint8_t> pixels;
};

/// From pixel units to 0..255.
struct Stretch {
  float low = 0;
  float high = 255;
  std::uint8_t operator()(float value) const {
    const float level = (value - low) * (255.0f / (high - low));
    return static_cast<std::uint8_t>(std::lround(std::clamp(level, 0.0f, 255.0f)));
  }
};

/// The samples of the sheet as the source holds them.
struct Originals {
  std::vector<std::uint64_t> samples;
  std::vector<std::byte> pixels;
};

Originals read_originals(SampleSource& source, int wanted) {
  const SourceInfo& info = source.info();
  const std::uint64_t count = std::min<std::uint64_t>(static_cast<std::uint64_t>(wanted), info.samples);
  Originals originals;
  for (std::uint64_t i = 0; i < count; ++i) originals.samples.push_back(i * (info.samples / count));
  originals.pixels.resize(count * static_cast<std::size_t>(info.shape.size()) * size_of(info.pixels));
  std::vector<std::int32_t> labels(count);
  source.read(originals.samples, {originals.pixels, labels});
  return originals;
}

Stretch stretch_of(const std::vector<std::byte>& pixels, PixelType type) {
  if (type == PixelType::uint8) return {};
  const std::span values(reinterpret_cast<const float*>(pixels.data()), pixels.size() / sizeof(float));
  Stretch stretch{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    stretch.low = std::min(stretch.low, value);
    stretch.high = std::max(stretch.high, value);
  }
  if (stretch.high <= stretch.low) stretch.high = stretch.low + 1;
  return stretch;
}

/// Where cells are, and how large their pixels.
struct Grid {
  SampleShape shape;
  std::int64_t scale = 1;
  std::int64_t side(std::int64_t images, std::int64_t extent) const {
    return images * (extent * scale + kGap) + kGap;
  }
};

struct Cell {
  std::int64_t row;
  std::int64_t column;
};

void draw(const std::vector<float>& image, const Grid& grid, Cell cell, const Stretch& stretch,
          Canvas& canvas) {
  const std::int64_t top = cell.row * (grid.shape.height * grid.scale + kGap) + kGap;
  const std::int64_t left = cell.column * (grid.shape.width * grid.scale + kGap) + kGap;
  for (std::int64_t y = 0; y < grid.shape.height * grid.scale; ++y) {
    for (std::int64_t x = 0; x < grid.shape.width * grid.scale; ++x) {
      const std::int64_t from = (y / grid.scale * grid.shape.width + x / grid.scale) * grid.shape.channels;
      const std::int64_t to = ((top + y) * canvas.width + left + x) * canvas.channels;
      for (std::int64_t channel = 0; channel < canvas.channels; ++channel)
        canvas.pixels[static_cast<std::size_t>(to + channel)] =
            stretch(image[static_cast<std::size_t>(from + channel)]);
    }
  }
}

/// The one check of libpng's simplified interface.
void check_png(int result, const png_image& control, const std::string& path) {
  if (result == 0)
    throw RuntimeError(
        "{}: the picture cannot be written ({}). Is the folder writable and the disk not full?", path,
        control.message);
}

void write_png(const Canvas& canvas, const std::string& path, Existing existing) {
  AtomicFile file(path, existing);
  png_image control{};
  control.version = PNG_IMAGE_VERSION;
  control.width = static_cast<png_uint_32>(canvas.width);
  control.height = static_cast<png_uint_32>(canvas.height);
  control.format = canvas.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  check_png(png_image_write_to_file(&control, file.partial().c_str(), 0, canvas.pixels.data(), 0, nullptr),
            control, path);
  file.commit();
}

Canvas make_canvas(const Grid& grid, std::int64_t rows, std::int64_t columns) {
  Canvas canvas{grid.side(rows, grid.shape.height),
                grid.side(columns, grid.shape.width),
                grid.shape.channels == 3 ? 3 : 1,
                {}};
  if (canvas.height > kLargestSide || canvas.width > kLargestSide)
    throw UsageError(
        "a contact sheet of {} x {} images would be {} x {} pixels, more than the {} a side that picture viewers take. Ask for fewer samples or variants, or a smaller scale.",
        rows, columns, canvas.height, canvas.width, kLargestSide);
  canvas.pixels.assign(static_cast<std::size_t>(canvas.height * canvas.width * canvas.channels), kBackground);
  return canvas;
}

}  // namespace

void write_contact_sheet(SampleSource& source, const AugmentationOptions& augmentation, std::uint64_t seed,
                         const ContactSheetOptions& options, const std::string& path) {
  const SourceInfo& info = source.info();
  if (options.samples < 1 || options.variants < 0 || options.scale < 0 || info.samples == 0)
    throw UsageError(
        "a contact sheet of {} samples with {} variants at scale {} from {} ({} samples) shows nothing. Ask for at least one sample, and give a scale of 0 (automatic) or more.",
        options.samples, options.variants, options.scale, info.name, info.samples);
  const Generator plain(info, {}, {}, seed);
  const Generator augmented(info, augmentation, {}, seed);
  const Originals originals = read_originals(source, options.samples);
  const Stretch stretch = stretch_of(originals.pixels, info.pixels);
  const std::int64_t automatic = (kWantedHeight + info.shape.height - 1) / info.shape.height;
  const Grid grid{info.shape, options.scale > 0 ? options.scale : automatic};
  Canvas canvas =
      make_canvas(grid, static_cast<std::int64_t>(originals.samples.size()), options.variants + 1);
  const std::size_t bytes = originals.pixels.size() / originals.samples.size();
  std::vector<float> image(static_cast<std::size_t>(info.shape.size()));
  for (std::size_t row = 0; row < originals.samples.size(); ++row) {
    for (int column = 0; column <= options.variants; ++column) {
      const Generator& generator = column == 0 ? plain : augmented;
      const auto epoch = static_cast<std::uint64_t>(std::max(column - 1, 0));
      generator.make(std::span(originals.pixels).subspan(row * bytes, bytes), epoch, originals.samples[row],
                     PixelLayout::channels_last, image);
      draw(image, grid, {static_cast<std::int64_t>(row), column}, stretch, canvas);
    }
  }
  write_png(canvas, path, options.existing);
}

}  // namespace annulus::io
