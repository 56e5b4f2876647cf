// What the reconstruction looks up per pixel of a panel, made once: where it is, its image behind the flat
// mirror, its size, and the region of the panel over which its background is averaged.
#pragma once

#include <cstdint>
#include <vector>

#include "rich/detector/detector.hpp"

namespace annulus::rich {

/// Region of places without a tube.
inline constexpr std::int32_t kNoRegion = -1;

class PixelTable {
 public:
  /// @param rich  outlives it
  explicit PixelTable(const Rich& rich);

  /// All by channel of the panel. Images as ImagePoints (rich/reconstruction/quartic.hpp).
  struct Pixel {
    float u = 0;
    float v = 0;
    float image_x = 0;
    float image_y = 0;
    float image_z = 0;
    std::int16_t region = kNoRegion;
    std::uint16_t size_class = 0;  ///< index into sizes()
  };
  const Pixel& operator[](std::uint32_t panel_channel) const { return pixels_[panel_channel]; }

  /// Different pixel sizes, mm.
  const std::vector<double>& sizes() const { return sizes_; }
  /// Regions of one half; about 57 mm square.
  std::size_t regions() const { return region_pixels_.size(); }
  /// Pixels of a region.
  double region_pixels(std::size_t region) const { return region_pixels_[region]; }

  /// The tube under a point: its region and the active share of its area; rims of tubes count as inside.
  struct Place {
    std::int32_t region = kNoRegion;
    double fill = 0;
  };
  Place place_at(const PanelPoint& at) const;

 private:
  void add_block(const TubeBlock& block, std::vector<std::int16_t>& grid);

  const Rich& rich_;
  std::vector<Pixel> pixels_;
  std::vector<double> sizes_;
  std::vector<double> region_pixels_;
};

}  // namespace annulus::rich
