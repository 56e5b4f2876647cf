// What the simulation makes and the reconstruction reads: one bunch crossing as plain data.
//
// In: nothing: these are the words that simulation, files and reconstruction share.
// Out: tracks with their truth, hits of both RICHes.
// Invariant: members called truth are for judging results: reconstruction and images use `measured` and
// channels.
// Next: event_columns.hpp (many events in a row), rich/simulation/simulation.hpp (who makes them).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/enum_words.hpp"
#include "rich/detector/detector.hpp"
#include "rich/detector/optics.hpp"
#include "rich/detector/particle.hpp"

namespace annulus::rich {

enum class Split : std::uint8_t { train, validation, test };

/// A track at the entry plane of each RICH (laboratory frame, mm, slopes dx/dz and dy/dz) and its momentum.
/// Single precision, as stored: 1e-4 mm and 1e-7 rad are far below every resolution, and the reconstruction
/// of a file and of an event in memory give the same.
struct TrackState {
  struct AtEntry {
    float x = 0;
    float y = 0;
    float slope_x = 0;
    float slope_y = 0;
  };
  float momentum = 0;  ///< GeV/c, above zero
  std::array<AtEntry, kRichCount> entries{};

  Ray ray(const Rich& rich) const {
    const AtEntry& at = entries[index_of(rich.id)];
    return ray_from_slopes({at.x, at.y, rich.entry_z}, at.slope_x, at.slope_y);
  }
};

struct Track {
  Species species = Species::pion;  ///< truth
  std::int8_t charge = 1;
  TrackState truth;
  TrackState measured;    ///< all that reconstruction and networks may look at
  float lost_z = 0;       ///< truth: where it interacted or decayed; 0 when it flew through both RICHes
  bool mistaken = false;  ///< truth: its measured direction comes from the tails
  /// Whether the measured track lies in each RICH's acceptance. Tracks in neither are kept.
  std::array<bool, kRichCount> inside{};
  /// Truth: its own photons that were detected, merged ones included.
  std::array<std::uint16_t, kRichCount> photons{};
};

/// The measured way of a track through a RICH: where it must be for reconstruction and networks to use it.
/// @return nothing for a track outside the acceptance, or with values that are not numbers
std::optional<Segment> usable_segment(const Rich& rich, const Track& track);

/// Who made a hit, when no track did.
inline constexpr std::int32_t kNoise = -1;
inline constexpr std::int32_t kGhost = -2;  ///< a ring without a track

/// A pixel that fired. Binary: several photons in one pixel are one hit.
struct Hit {
  std::uint32_t channel = 0;     ///< of its RICH, see Rich::pixel_position
  std::int32_t source = kNoise;  ///< truth: number of the (first) track in the event, or kNoise, kGhost
};

struct Event {
  std::uint64_t number = 0;
  Split split = Split::train;
  std::vector<Track> tracks;
  std::array<std::vector<Hit>, kRichCount> hits;  ///< of each RICH, channels strictly ascending
};

}  // namespace annulus::rich

template <>
struct annulus::EnumWords<annulus::rich::Split> {
  static constexpr std::array kWords{"train", "validation", "test"};
};
