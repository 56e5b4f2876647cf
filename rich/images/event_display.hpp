// What a picture of an event shows of one track: hits on the panels, the rings of all hypotheses traced
// through the optics, and the track's corona image. Numbers only; rich/images/display_picture.hpp draws them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "rich/events/event.hpp"
#include "rich/images/corona.hpp"

namespace annulus::rich {

/// A place on one of the panels of a RICH.
struct PanelSpot {
  Half half = Half::positive;
  PanelPoint at;
};

struct DisplayHit {
  PanelSpot spot;
  double size = 0;   ///< side of the pixel, mm
  bool own = false;  ///< truth: made by the chosen track
};

/// A ring as a closed line: first and last point are the same. Where a photon would miss the mirrors there is
/// no point.
using RingLine = std::vector<std::optional<PanelSpot>>;

struct HypothesisRing {
  Species species = Species::pion;
  double theta = 0;  ///< rad, above zero
  RingLine line;
};

struct RichDisplay {
  RichId id = RichId::rich1;
  std::vector<DisplayHit> hits;
  std::vector<RingLine> others;  ///< rings of the other tracks, by their true species
  // Of the chosen track; where this RICH does not see it, nothing and no corona.
  std::optional<PanelSpot> centre;
  std::vector<HypothesisRing> rings;  ///< of the species that give light, lightest first
  AngleWindow window;                 ///< of the corona
  std::vector<std::uint8_t> corona;   ///< (size, size), rows of Cherenkov angle
};

struct EventDisplay {
  std::uint64_t event = 0;
  std::size_t track = 0;
  Species species = Species::pion;  ///< truth
  double momentum = 0;              ///< measured, GeV/c
  int corona_size = 0;
  Preset preset = Preset::run3;
  std::array<RichDisplay, kRichCount> riches;
};

/// Points of a ring at one angle, by the mean index: the light of a photon emitted in the middle of the way.
/// @param points  at least 3
RingLine traced_ring(const Rich& rich, const Segment& track, double theta, int points);

/// A track worth looking at: the first that crosses both RICHes, else one of them, else the first.
/// @return nothing for an event without tracks
std::optional<std::size_t> showy_track(const Event& event);

/// @pre track < event.tracks.size()
EventDisplay make_display(const Event& event, std::size_t track, Preset preset, CoronaWindow window);

}  // namespace annulus::rich
