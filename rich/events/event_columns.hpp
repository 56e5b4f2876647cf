// Events as columns: what a file holds and what ranks send each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rich/events/event.hpp"

namespace annulus::rich {

/// Consecutive events. Tracks and hits of all events lie one after another; the counts say whose they are.
struct EventColumns {
  // One value per event.
  std::vector<std::int64_t> number;
  std::vector<std::uint8_t> split;
  std::vector<std::int32_t> track_count;
  std::array<std::vector<std::int32_t>, kRichCount> hit_count;
  // One row per track. States are (RICH, [x, y, slope_x, slope_y]).
  std::vector<std::uint8_t> species;
  std::vector<std::int32_t> charge;
  std::vector<float> true_momentum;
  std::vector<float> true_state;
  std::vector<float> momentum;
  std::vector<float> state;
  std::vector<float> lost_z;
  std::vector<std::uint8_t> mistaken;
  std::vector<std::uint8_t> inside;   ///< (RICH)
  std::vector<std::int32_t> photons;  ///< (RICH)
  // One value per hit, for each RICH.
  std::array<std::vector<std::int32_t>, kRichCount> channel;
  std::array<std::vector<std::int32_t>, kRichCount> source;

  /// Calls visit(name, vector, extents of a row) for every column, events first, always in the same order.
  /// Names are paths in the file.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& column) {
    const std::vector<std::int64_t> scalar{};
    const std::vector<std::int64_t> per_rich{kRichCount};
    const std::vector<std::int64_t> states{kRichCount, kStateSize};
    column("events/number", self.number, scalar);
    column("events/split", self.split, scalar);
    column("events/track_count", self.track_count, scalar);
    column("events/rich1_hit_count", self.hit_count[0], scalar);
    column("events/rich2_hit_count", self.hit_count[1], scalar);
    column("tracks/species", self.species, scalar);
    column("tracks/charge", self.charge, scalar);
    column("tracks/true_momentum", self.true_momentum, scalar);
    column("tracks/true_state", self.true_state, states);
    column("tracks/momentum", self.momentum, scalar);
    column("tracks/state", self.state, states);
    column("tracks/lost_z", self.lost_z, scalar);
    column("tracks/mistaken", self.mistaken, scalar);
    column("tracks/inside", self.inside, per_rich);
    column("tracks/photons", self.photons, per_rich);
    column("rich1_hits/channel", self.channel[0], scalar);
    column("rich1_hits/source", self.source[0], scalar);
    column("rich2_hits/channel", self.channel[1], scalar);
    column("rich2_hits/source", self.source[1], scalar);
  }
  static constexpr std::int64_t kStateSize = 4;

  std::size_t events() const { return number.size(); }
  void append(const Event& event);
  /// Leaves no events; memory is kept for the next ones.
  void clear();
  /// Back to events. @pre the columns fit together and hold possible values
  std::vector<Event> to_events() const;
};

/// All columns as bytes, to be sent to a rank of the same program.
std::vector<std::byte> packed(const EventColumns& columns);
/// The reverse of packed(), behind what is there. @throws RuntimeError when the bytes are not whole; then
/// `columns` no longer fit together
void append_packed(std::span<const std::byte> bytes, EventColumns& columns);

}  // namespace annulus::rich
