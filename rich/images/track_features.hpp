// What is known of a track beside its images, as a short row of numbers of order one for a network: momentum,
// where the ring of each hypothesis would be and how bright, and how full the event is. Measured quantities
// only.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "rich/events/event.hpp"
#include "rich/images/corona.hpp"
#include "rich/reconstruction/expectation.hpp"

namespace annulus::rich {

/// Of each RICH: seen, hits, then position and light of six rings.
inline constexpr std::size_t kRichFeatures = 2 + 2 * kSpeciesCount;
inline constexpr std::size_t kFeatures = 1 + kRichCount * kRichFeatures + 2;

/// Names of the features, in their order:
///   log_momentum           log10(p / 10 GeV/c)
///   rich1_seen             1 when the track crosses the acceptance, else 0; what follows is 0 with it
///   rich1_hits             hits inside the rows of its image, over 200 (RICH2: over 50)
///   rich1_row_<species>    place of the ring between the first row (0) and the last (1); 0 below threshold
///   rich1_light_<species>  photons expected, over 50; 0 below threshold
///   rich2_...              the same
///   tracks, hits           of the event, over 50 and over 2000
const std::vector<std::string>& feature_names();

/// What one RICH knows of a track.
struct RichFeatures {
  AngleWindow window;
  std::size_t hits = 0;  ///< inside the window
  const TrackExpectation& expectation;
};

/// Features that do not depend on the RICHes, and zeros for these.
/// @param features  (kFeatures), written
void fill_features(const Event& event, const Track& track, std::span<float> features);

/// Features of one RICH that sees the track.
/// @param features  (kFeatures), its part written
void fill_features(RichId id, const RichFeatures& values, std::span<float> features);

}  // namespace annulus::rich
