#include "rich/events/event_columns.hpp"

#include "rich/events/column_bytes.hpp"

namespace annulus::rich {
namespace {

void append_state(std::vector<float>& column, const TrackState& state) {
  for (const TrackState::AtEntry& at : state.entries)
    column.insert(column.end(), {at.x, at.y, at.slope_x, at.slope_y});
}

TrackState state_at(const std::vector<float>& momenta, const std::vector<float>& states, std::size_t row) {
  TrackState state{.momentum = momenta[row], .entries = {}};
  const float* value = states.data() + row * kRichCount * EventColumns::kStateSize;
  for (TrackState::AtEntry& at : state.entries) {
    at = {value[0], value[1], value[2], value[3]};
    value += EventColumns::kStateSize;
  }
  return state;
}

Track track_at(const EventColumns& columns, std::size_t row) {
  Track track{.species = static_cast<Species>(columns.species[row]),
              .charge = static_cast<std::int8_t>(columns.charge[row]),
              .truth = state_at(columns.true_momentum, columns.true_state, row),
              .measured = state_at(columns.momentum, columns.state, row),
              .lost_z = columns.lost_z[row],
              .mistaken = columns.mistaken[row] != 0};
  for (std::size_t rich = 0; rich < kRichCount; ++rich) {
    track.inside[rich] = columns.inside[row * kRichCount + rich] != 0;
    track.photons[rich] = static_cast<std::uint16_t>(columns.photons[row * kRichCount + rich]);
  }
  return track;
}

}  // namespace

void EventColumns::append(const Event& event) {
  number.push_back(static_cast<std::int64_t>(event.number));
  split.push_back(static_cast<std::uint8_t>(event.split));
  track_count.push_back(static_cast<std::int32_t>(event.tracks.size()));
  for (const Track& track : event.tracks) {
    species.push_back(static_cast<std::uint8_t>(track.species));
    charge.push_back(track.charge);
    true_momentum.push_back(track.truth.momentum);
    append_state(true_state, track.truth);
    momentum.push_back(track.measured.momentum);
    append_state(state, track.measured);
    lost_z.push_back(track.lost_z);
    mistaken.push_back(track.mistaken ? 1 : 0);
    for (const bool is_inside : track.inside) inside.push_back(is_inside ? 1 : 0);
    photons.insert(photons.end(), track.photons.begin(), track.photons.end());
  }
  for (std::size_t rich = 0; rich < kRichCount; ++rich) {
    hit_count[rich].push_back(static_cast<std::int32_t>(event.hits[rich].size()));
    for (const Hit& hit : event.hits[rich]) {
      channel[rich].push_back(static_cast<std::int32_t>(hit.channel));
      source[rich].push_back(hit.source);
    }
  }
}

void EventColumns::clear() {
  visit(*this, [](const char*, auto& column, const auto&) { column.clear(); });
}

std::vector<Event> EventColumns::to_events() const {
  std::vector<Event> result;
  result.reserve(events());
  std::size_t next_track = 0;
  std::array<std::size_t, kRichCount> next_hit{};
  for (std::size_t i = 0; i < events(); ++i) {
    Event& event = result.emplace_back();
    event.number = static_cast<std::uint64_t>(number[i]);
    event.split = static_cast<Split>(split[i]);
    for (std::int32_t left = track_count[i]; left > 0; --left)
      event.tracks.push_back(track_at(*this, next_track++));
    for (std::size_t rich = 0; rich < kRichCount; ++rich) {
      event.hits[rich].reserve(static_cast<std::size_t>(hit_count[rich][i]));
      for (std::int32_t left = hit_count[rich][i]; left > 0; --left, ++next_hit[rich])
        event.hits[rich].push_back(
            {static_cast<std::uint32_t>(channel[rich][next_hit[rich]]), source[rich][next_hit[rich]]});
    }
  }
  return result;
}

std::vector<std::byte> packed(const EventColumns& columns) {
  std::size_t size = 0;
  EventColumns::visit(columns,
                      [&](const char*, const auto& column, const auto&) { size += packed_size(column); });
  std::vector<std::byte> bytes;
  bytes.reserve(size + sizeof(float));
  EventColumns::visit(columns, [&](const char*, const auto& column, const auto&) { pack(column, bytes); });
  return bytes;
}

void append_packed(std::span<const std::byte> bytes, EventColumns& columns) {
  EventColumns::visit(columns, [&](const char*, auto& column, const auto&) { append_packed(bytes, column); });
}

}  // namespace annulus::rich
