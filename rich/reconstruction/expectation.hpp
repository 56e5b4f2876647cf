// What a track would show under each hypothesis: Cherenkov angle, number of photons, and where on the panels
// they would fall.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rich/detector/optics.hpp"
#include "rich/detector/particle.hpp"
#include "rich/detector/pixel_table.hpp"
#include "rich/detector/radiator.hpp"

namespace annulus::rich {

/// One hypothesis of one track in one RICH. All zero where it gives no light.
struct RingExpectation {
  double theta = 0;
  /// Photons that would be detected had the panels no dead area: the density on the plane follows from it.
  double photons = 0;
  /// Photons detected on average: dead area, panel edges and missing tubes taken off.
  double detected = 0;
  /// Area of the panel per solid angle around the track, mm^2: the square of the image scale there.
  double area_per_angle = 0;
  /// Where these fall: ranges of TrackExpectation::shares.
  std::uint32_t first_share = 0;
  std::uint32_t last_share = 0;
};

/// Part of a ring's photons, detected ones only, that falls into a region.
struct RegionShare {
  std::uint32_t region = 0;  ///< of both halves: those of the negative one follow
  float share = 0;           ///< of `photons`
};

struct TrackExpectation {
  std::array<RingExpectation, kSpeciesCount> rings{};
  std::vector<RegionShare> shares;
};

class ExpectationModel {
 public:
  /// All outlive it.
  ExpectationModel(const Rich& rich, const RadiatorModel& radiator, const PixelTable& pixels);

  /// @param momentum  GeV/c   @param result  overwritten; its memory is kept
  void expect(const Segment& track, double momentum, TrackExpectation& result) const;

 private:
  double yield_fraction(Species species, double momentum) const;
  double trace_ring(const Segment& track, double theta, std::vector<RegionShare>& shares) const;

  const Rich& rich_;
  const RadiatorModel& radiator_;
  const PixelTable& pixels_;
  std::vector<double> fractions_;  ///< yield_fraction over equal steps of (m/p)^2
  double step_ = 0;
};

}  // namespace annulus::rich
