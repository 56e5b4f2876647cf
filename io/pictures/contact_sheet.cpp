// Images are drawn into one canvas, which libpng writes in a single call.
#include "io/pictures/contact_sheet.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "io/augmentation/mixup.hpp"
#include "io/files/atomic_file.hpp"
#include "io/pictures/sample_choice.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kGap = 2;              // pixels around every image
constexpr std::int64_t kWantedHeight = 64;    // of an image when the scale is chosen here
constexpr std::int64_t kLargestSide = 32768;  // of a sheet; viewers give up beyond
constexpr std::int64_t kTileGap = 1;          // pixels between the channels of an image
constexpr std::int64_t kMostTiles = 8;        // channels of an image; further ones are not drawn
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
  Originals originals;
  originals.samples = choose_samples(source, static_cast<std::uint64_t>(wanted));
  const std::size_t count = originals.samples.size();
  originals.pixels.resize(count * static_cast<std::size_t>(info.shape.size()) * size_of(info.pixels));
  std::vector<std::int32_t> labels(count);
  source.read(originals.samples, {originals.pixels, labels});
  return originals;
}

/// Lowest and highest of the numbers among every `step`-th value from `first` on.
template <class Value>
Stretch range_of(std::span<const Value> values, std::size_t first, std::size_t step) {
  Stretch range{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  for (std::size_t i = first; i < values.size(); i += step) {
    const auto value = static_cast<float>(values[i]);
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  return range;
}

/// Floats are drawn from their lowest to their highest value. Bytes are drawn as they are, unless all are so
/// low that nobody would see them: counts of hits.
Stretch stretch_of(const Originals& originals, PixelType type, std::size_t first, std::size_t step) {
  constexpr float kDark = 64;
  if (type == PixelType::uint8) {
    const std::span values(reinterpret_cast<const std::uint8_t*>(originals.pixels.data()),
                           originals.pixels.size());
    const float high = range_of(values, first, step).high;
    return high > 0 && high < kDark ? Stretch{0, high} : Stretch{};
  }
  const std::span values(reinterpret_cast<const float*>(originals.pixels.data()),
                         originals.pixels.size() / sizeof(float));
  Stretch stretch = range_of(values, first, step);
  if (!(stretch.high > stretch.low)) stretch.high = stretch.low + 1;
  return stretch;
}

/// Where cells are, and how large their pixels. A cell holds an image in grey or in colour; channels that
/// make no colour stand side by side, each in grey. A smaller image stands at the upper left.
struct Grid {
  SampleShape shape;  ///< of the largest image
  std::int64_t scale = 1;

  std::int64_t tiles() const { return shape.channels == 3 ? 1 : std::min(shape.channels, kMostTiles); }
  std::int64_t tile_width() const { return shape.width * scale + kTileGap; }
  std::int64_t cell_height() const { return shape.height * scale; }
  std::int64_t cell_width() const { return tiles() * tile_width() - kTileGap; }
  static std::int64_t side(std::int64_t cells, std::int64_t extent) { return cells * (extent + kGap) + kGap; }
};

/// Of one row and column of the sheet.
struct Cell {
  std::int64_t row;
  std::int64_t column;
};

/// What a cell shows.
struct Picture {
  std::span<const float> image;  ///< (H, W, C)
  SampleShape shape;
};

/// @param stretches  one per channel
void draw(const Picture& picture, const Grid& grid, Cell cell, const std::vector<Stretch>& stretches,
          Canvas& canvas) {
  const auto& [image, shape] = picture;
  const std::int64_t top = cell.row * (grid.cell_height() + kGap) + kGap;
  const std::int64_t left = cell.column * (grid.cell_width() + kGap) + kGap;
  const std::int64_t shown = grid.tiles() * canvas.channels;
  for (std::int64_t y = 0; y < shape.height * grid.scale; ++y) {
    for (std::int64_t x = 0; x < shape.width * grid.scale; ++x) {
      const std::int64_t from = (y / grid.scale * shape.width + x / grid.scale) * shape.channels;
      for (std::int64_t channel = 0; channel < shown; ++channel) {
        const std::int64_t column = left + channel / canvas.channels * grid.tile_width() + x;
        const std::int64_t to =
            ((top + y) * canvas.width + column) * canvas.channels + channel % canvas.channels;
        canvas.pixels[static_cast<std::size_t>(to)] =
            stretches[static_cast<std::size_t>(channel)](image[static_cast<std::size_t>(from + channel)]);
      }
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
  Canvas canvas{Grid::side(rows, grid.cell_height()),
                Grid::side(columns, grid.cell_width()),
                grid.shape.channels == 3 ? 3 : 1,
                {}};
  if (canvas.height > kLargestSide || canvas.width > kLargestSide)
    throw UsageError(
        "a contact sheet of {} x {} images would be {} x {} pixels, more than the {} a side that picture viewers take. Ask for fewer samples or variants, or a smaller scale.",
        rows, columns, canvas.height, canvas.width, kLargestSide);
  canvas.pixels.assign(static_cast<std::size_t>(canvas.height * canvas.width * canvas.channels), kBackground);
  return canvas;
}

/// How each channel is drawn: those of a colour alike, others on their own.
std::vector<Stretch> stretches_of(const Originals& originals, const SourceInfo& info) {
  const auto channels = static_cast<std::size_t>(info.shape.channels);
  if (channels == 3) return std::vector<Stretch>(3, stretch_of(originals, info.pixels, 0, 1));
  std::vector<Stretch> stretches;
  for (std::size_t channel = 0; channel < channels; ++channel)
    stretches.push_back(stretch_of(originals, info.pixels, channel, channels));
  return stretches;
}

/// What somebody who looks at the sheet has to know.
std::string description_of(const Originals& originals, const Grid& grid,
                           const std::vector<Stretch>& stretches, int variants) {
  std::string text = fmt::format("Rows: samples {}. Columns: the original, {} variants.",
                                 fmt::join(originals.samples, ", "), variants);
  if (grid.tiles() > 1)
    text += fmt::format(" Side by side: {} of {} channels.", grid.tiles(), grid.shape.channels);
  std::vector<std::string> ranges;
  for (std::size_t channel = 0; channel < stretches.size(); ++channel) {
    const Stretch& stretch = stretches[channel];
    const bool whole = grid.tiles() == 1;  // all channels alike
    if ((stretch.low != 0 || stretch.high != 255) && (channel == 0 || !whole) &&
        static_cast<std::int64_t>(channel) < kMostTiles)
      ranges.push_back(fmt::format("{:g} to {:g}{}", stretch.low, stretch.high,
                                   whole ? "" : fmt::format(" of channel {}", channel)));
  }
  if (!ranges.empty()) text += fmt::format(" From black to white: {}.", fmt::join(ranges, ", "));
  return text;
}

/// What a generator makes of all originals in an epoch. Where it mixes, the rows of the sheet are the shard.
std::vector<float> images_of(const Originals& originals, const Generator& generator, std::uint64_t epoch) {
  const std::size_t rows = originals.samples.size(), bytes = originals.pixels.size() / rows;
  const auto size = static_cast<std::size_t>(generator.output_shape().size());
  std::vector<float> images(rows * size);
  for (std::size_t row = 0; row < rows; ++row)
    generator.make(std::span(originals.pixels).subspan(row * bytes, bytes), epoch, originals.samples[row],
                   PixelLayout::channels_last, std::span(images).subspan(row * size, size));
  if (!generator.mixes()) return images;
  std::vector<float> shares(rows);
  generator.draw_shares(epoch, originals.samples, shares);
  mix_rows(shares, images, size, {0, size});
  return images;
}

std::string mixture_note(const Generator& generator) {
  if (!generator.mixes()) return "";
  return fmt::format(
      " augmentation.mixup = {:g}: each variant is mixed with that of the next row (a training mixes those of a shard).",
      generator.augmentation().mixup);
}

}  // namespace

std::string write_contact_sheet(SampleSource& source, const AugmentationOptions& augmentation,
                                std::uint64_t seed, const ContactSheetOptions& options,
                                const std::string& path) {
  const SourceInfo& info = source.info();
  if (options.samples < 1 || options.variants < 0 || options.scale < 0 || info.samples == 0)
    throw UsageError(
        "a contact sheet of {} samples with {} variants at scale {} from {} ({} samples) shows nothing. Ask for at least one sample, and give a scale of 0 (automatic) or more.",
        options.samples, options.variants, options.scale, info.name, info.samples);
  const Generator plain(info, {}, {}, seed);
  const Generator augmented(info, augmentation, {}, seed);
  const Originals originals = read_originals(source, options.samples);
  const std::vector<Stretch> stretches = stretches_of(originals, info);
  const SampleShape& made = augmented.output_shape();
  const SampleShape largest{std::max(info.shape.height, made.height), std::max(info.shape.width, made.width),
                            info.shape.channels, info.shape.flat};
  const std::int64_t automatic = (kWantedHeight + largest.height - 1) / largest.height;
  const Grid grid{largest, options.scale > 0 ? options.scale : automatic};
  Canvas canvas =
      make_canvas(grid, static_cast<std::int64_t>(originals.samples.size()), options.variants + 1);
  for (int column = 0; column <= options.variants; ++column) {
    const Generator& generator = column == 0 ? plain : augmented;
    const std::vector<float> images =
        images_of(originals, generator, static_cast<std::uint64_t>(std::max(column - 1, 0)));
    const auto size = static_cast<std::size_t>(generator.output_shape().size());
    for (std::size_t row = 0; row < originals.samples.size(); ++row)
      draw({std::span(images).subspan(row * size, size), generator.output_shape()}, grid,
           {static_cast<std::int64_t>(row), column}, stretches, canvas);
  }
  write_png(canvas, path, options.existing);
  return description_of(originals, grid, stretches, options.variants) + mixture_note(augmented);
}

}  // namespace annulus::io
