// The constants of both detectors. Where a number is not in the LHCb detector description, the comment says
// so.
#include "rich/detector/detector.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

Vector3 along(double angle_yz) { return {0, std::sin(angle_yz), std::cos(angle_yz)}; }

/// A grid of tubes that fills a rectangle; `cut_*` and `first_channel` are left to the caller.
struct Grid {
  double low_u, low_v, high_u, high_v;
  std::uint32_t columns, rows;
  double active;
};

TubeBlock make_block(const Grid& grid) {
  return {.low_u = grid.low_u,
          .low_v = grid.low_v,
          .pitch_u = (grid.high_u - grid.low_u) / grid.columns,
          .pitch_v = (grid.high_v - grid.low_v) / grid.rows,
          .columns = grid.columns,
          .rows = grid.rows,
          .active = grid.active,
          .pixels = 8};
}

void number_channels(Panel& panel) {
  std::uint32_t first = 0;
  for (TubeBlock& block : panel.blocks) {
    block.first_channel = first;
    first += block.channels();
  }
}

/// 48 x 22 one-inch tubes. Of the 2112 of both panels 1888 are there; that the missing ones are 7 x 4 in each
/// corner is our choice.
Panel rich1_panel() {
  Panel panel;
  panel.centre = {0, 1407.716, 1641.417};
  panel.normal = unit({0, 0.846193, 0.532877});
  panel.axis_u = {1, 0, 0};
  panel.axis_v = cross(panel.normal, panel.axis_u);
  panel.half_u = 672;
  panel.half_v = 311;
  TubeBlock block = make_block({-672, -311, 672, 311, 48, 22, 23.0});
  block.cut_columns = 7;
  block.cut_rows = 4;
  panel.blocks = {block};
  return panel;
}

/// 24 x 16 one-inch tubes between 12 x 8 two-inch tubes below and above.
Panel rich2_panel() {
  // From the box that holds the tubes to their photocathodes; our estimate, +-10 mm.
  constexpr double kCathodeDepth = 128;
  constexpr double kTilt = 1.065;
  Panel panel;
  panel.normal = {std::sin(kTilt), 0, std::cos(kTilt)};
  panel.centre = Vector3{3986.15, 0, 10810.18} - kCathodeDepth * panel.normal;
  panel.axis_v = {0, 1, 0};
  panel.axis_u = cross(panel.axis_v, panel.normal);
  panel.half_u = 339;
  panel.half_v = 672;
  panel.blocks = {make_block({-339, -672, 339, -224, 12, 8, 48.5}),
                  make_block({-339, -224, 339, 224, 24, 16, 23.0}),
                  make_block({-339, 224, 339, 672, 12, 8, 48.5})};
  return panel;
}

Rich make_rich1() {
  Rich rich;
  rich.id = RichId::rich1;
  rich.name = "RICH1";
  rich.gas = kC4F10;
  // Tracks close to the beam radiate as well: the beam pipe, which hides some of their light, is not
  // simulated.
  rich.acceptance = {.lowest = 0.0, .horizontal = 0.300, .vertical = 0.250};
  rich.entry_z = 990;
  rich.mirror_radius = 3650;
  rich.mirror_centre = {0, 932.897, -1493.286};
  rich.flat_mirror = {{0, 337.896, 1323.307}, along(0.25656)};
  rich.panel = rich1_panel();
  rich.efficiency = 0.95;
  rich.image_scale = 1817.5;
  rich.photon_sigma = 0.82e-3;
  rich.direction_sigma = 0.30e-3;
  rich.scattering_sigma = 2.5e-3;
  return rich;
}

Rich make_rich2() {
  constexpr double kFlatTilt = 0.185;
  Rich rich;
  rich.id = RichId::rich2;
  rich.name = "RICH2";
  rich.gas = kCF4;
  rich.acceptance = {.lowest = 0.015, .horizontal = 0.120, .vertical = 0.100};
  rich.entry_z = 9497;
  rich.mirror_radius = 8600;
  rich.mirror_centre = {3269.6, 0, 3288.13};
  rich.flat_mirror = {{1432.14, 0, 9842.99}, {std::sin(kFlatTilt), 0, std::cos(kFlatTilt)}};
  rich.panel = rich2_panel();
  rich.efficiency = 0.90;
  rich.image_scale = 4409;
  rich.photon_sigma = 0.48e-3;
  rich.direction_sigma = 0.20e-3;
  rich.scattering_sigma = 2.5e-3;
  return rich;
}

/// Hybrid photodiodes emulated on the geometry of Run 3: pixels of 2.5 mm at the photocathode, efficiencies
/// that give the yields of Run 1 (arXiv:1211.6759) and an extra smear that brings the resolution to its 1.62
/// and 0.68 mrad.
void emulate_hpds(Detector& detector) {
  for (Rich& rich : detector.riches) {
    const bool first = rich.id == RichId::rich1;
    rich.efficiency = first ? 0.40 : 0.45;
    rich.blur = first ? 1.43e-3 : 0.50e-3;
    rich.photon_sigma = first ? 1.62e-3 : 0.68e-3;
    for (TubeBlock& block : rich.panel.blocks) block.pixels = block.active < 40 ? 9 : 19;
  }
}

bool in_cut_corner(const TubeBlock& block, std::uint32_t column, std::uint32_t row) {
  const bool outer_column = column < block.cut_columns || column >= block.columns - block.cut_columns;
  const bool outer_row = row < block.cut_rows || row >= block.rows - block.cut_rows;
  return outer_column && outer_row;
}

const TubeBlock& block_of(const Panel& panel, std::uint32_t channel) {
  std::size_t i = panel.blocks.size() - 1;
  while (channel < panel.blocks[i].first_channel) --i;
  return panel.blocks[i];
}

}  // namespace

std::uint32_t Panel::channels() const { return blocks.back().first_channel + blocks.back().channels(); }

const TubeBlock* Panel::block_at(const PanelPoint& at) const {
  for (const TubeBlock& block : blocks)
    if (at.u >= block.low_u && at.u < block.high_u() && at.v >= block.low_v && at.v < block.high_v())
      return &block;
  return nullptr;
}

std::optional<std::uint32_t> Panel::channel_at(const PanelPoint& at) const {
  const TubeBlock* block = block_at(at);
  if (block == nullptr) return std::nullopt;
  const double tube_u = (at.u - block->low_u) / block->pitch_u;
  const double tube_v = (at.v - block->low_v) / block->pitch_v;
  const auto column = std::min(static_cast<std::uint32_t>(tube_u), block->columns - 1);
  const auto row = std::min(static_cast<std::uint32_t>(tube_v), block->rows - 1);
  if (in_cut_corner(*block, column, row)) return std::nullopt;
  // Inside the tube, from the corner of its active square.
  const double u = (tube_u - column) * block->pitch_u - (block->pitch_u - block->active) / 2;
  const double v = (tube_v - row) * block->pitch_v - (block->pitch_v - block->active) / 2;
  if (u < 0 || v < 0 || u >= block->active || v >= block->active) return std::nullopt;
  const auto pixel_u = std::min(static_cast<std::uint32_t>(u / block->pixel_size()), block->pixels - 1);
  const auto pixel_v = std::min(static_cast<std::uint32_t>(v / block->pixel_size()), block->pixels - 1);
  const std::uint32_t tube = row * block->columns + column;
  return block->first_channel + (tube * block->pixels + pixel_v) * block->pixels + pixel_u;
}

PanelPoint Panel::pixel_centre(std::uint32_t channel) const {
  const TubeBlock& block = block_of(*this, channel);
  const std::uint32_t inside = channel - block.first_channel;
  const std::uint32_t pixel_u = inside % block.pixels;
  const std::uint32_t pixel_v = inside / block.pixels % block.pixels;
  const std::uint32_t tube = inside / (block.pixels * block.pixels);
  const std::uint32_t column = tube % block.columns;
  const std::uint32_t row = tube / block.columns;
  return {
      block.low_u + (column + 0.5) * block.pitch_u + (pixel_u + 0.5) * block.pixel_size() - block.active / 2,
      block.low_v + (row + 0.5) * block.pitch_v + (pixel_v + 0.5) * block.pixel_size() - block.active / 2};
}

bool Panel::is_live(std::uint32_t channel) const { return channel_at(pixel_centre(channel)) == channel; }

double Panel::pixel_area(std::uint32_t channel) const {
  const double size = block_of(*this, channel).pixel_size();
  return size * size;
}

Detector make_detector(Preset preset) {
  Detector detector{.preset = preset, .riches = {make_rich1(), make_rich2()}, .magnet = {}};
  if (preset == Preset::hpd) emulate_hpds(detector);
  for (Rich& rich : detector.riches) number_channels(rich.panel);
  return detector;
}

Preset preset_named(const std::string& name) {
  if (const auto preset = enum_of<Preset>(name)) return *preset;
  throw UsageError("'{}' is not a preset of the RICH detectors. Presets: {}.", name,
                   fmt::join(enum_words<Preset>(), ", "));
}

}  // namespace annulus::rich
