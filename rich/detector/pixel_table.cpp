#include "rich/detector/pixel_table.hpp"

#include <algorithm>
#include <cmath>

#include "rich/detector/optics.hpp"

namespace annulus::rich {
namespace {

/// Side of a region, mm: two one-inch tubes. Smaller ones would follow a ring's own fluctuations, larger
/// ones miss how fast the light falls off from the beam outwards.
constexpr double kRegionSize = 57;

}  // namespace

PixelTable::PixelTable(const Rich& rich) : rich_(rich), pixels_(rich.panel.channels()) {
  const auto columns = static_cast<std::size_t>(std::ceil(2 * rich.panel.half_u / kRegionSize));
  const auto rows = static_cast<std::size_t>(std::ceil(2 * rich.panel.half_v / kRegionSize));
  std::vector<std::int16_t> region_of_cell(columns * rows, kNoRegion);
  for (const TubeBlock& block : rich.panel.blocks) add_block(block, region_of_cell);
}

void PixelTable::add_block(const TubeBlock& block, std::vector<std::int16_t>& grid) {
  const Panel& panel = rich_.panel;
  const auto columns = static_cast<std::size_t>(std::ceil(2 * panel.half_u / kRegionSize));
  const std::uint32_t tube_pixels = block.pixels * block.pixels;
  const auto size = std::ranges::find(sizes_, block.pixel_size());
  const auto size_class = static_cast<std::uint16_t>(size - sizes_.begin());
  if (size == sizes_.end()) sizes_.push_back(block.pixel_size());
  for (std::uint32_t i = 0; i < block.channels(); ++i) {
    const std::uint32_t channel = block.first_channel + i;
    const PanelPoint at = panel.pixel_centre(channel);
    const Vector3 image = (1 / rich_.mirror_radius) * (unfold(rich_, panel.global(at)) - rich_.mirror_centre);
    Pixel& pixel = pixels_[channel];
    pixel = {.u = static_cast<float>(at.u),
             .v = static_cast<float>(at.v),
             .image_x = static_cast<float>(image.x),
             .image_y = static_cast<float>(image.y),
             .image_z = static_cast<float>(image.z),
             .size_class = size_class};
    if (!panel.is_live(channel)) continue;
    // All pixels of a tube belong to the region of its first one.
    const Pixel& first = pixels_[channel - i % tube_pixels];
    if (&first != &pixel) {
      pixel.region = first.region;
    } else {
      const auto column = static_cast<std::size_t>((at.u + panel.half_u) / kRegionSize);
      const auto row = static_cast<std::size_t>((at.v + panel.half_v) / kRegionSize);
      std::int16_t& region = grid[row * columns + column];
      if (region == kNoRegion) {
        region = static_cast<std::int16_t>(region_pixels_.size());
        region_pixels_.push_back(0);
      }
      pixel.region = region;
    }
    region_pixels_[static_cast<std::size_t>(pixel.region)] += 1;
  }
}

PixelTable::Place PixelTable::place_at(const PanelPoint& at) const {
  const TubeBlock* block = rich_.panel.block_at(at);
  if (block == nullptr) return {};
  const auto column =
      std::min(static_cast<std::uint32_t>((at.u - block->low_u) / block->pitch_u), block->columns - 1);
  const auto row =
      std::min(static_cast<std::uint32_t>((at.v - block->low_v) / block->pitch_v), block->rows - 1);
  const std::uint32_t tube = row * block->columns + column;
  const std::int16_t region = pixels_[block->first_channel + tube * block->pixels * block->pixels].region;
  return {region, region == kNoRegion ? 0 : block->fill()};
}

}  // namespace annulus::rich
