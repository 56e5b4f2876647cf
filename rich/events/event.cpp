#include "rich/events/event.hpp"

#include <cmath>

namespace annulus::rich {

std::optional<Segment> usable_segment(const Rich& rich, const Track& track) {
  const TrackState::AtEntry& at = track.measured.entries[index_of(rich.id)];
  const bool finite = std::isfinite(at.x) && std::isfinite(at.y) && std::isfinite(at.slope_x) &&
                      std::isfinite(at.slope_y) && std::isfinite(track.measured.momentum);
  if (!finite || !track.inside[index_of(rich.id)] || !(track.measured.momentum > 0)) return std::nullopt;
  return gas_segment(rich, track.measured.ray(rich));
}

}  // namespace annulus::rich
