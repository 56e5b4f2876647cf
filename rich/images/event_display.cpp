#include "rich/images/event_display.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "rich/detector/radiator.hpp"
#include "rich/images/image_maker.hpp"

namespace annulus::rich {
namespace {

constexpr int kRingPoints = 180;
constexpr int kOtherRingPoints = 60;

std::vector<DisplayHit> shown_hits(const Rich& rich, const std::vector<Hit>& hits, std::size_t track) {
  std::vector<DisplayHit> result;
  for (const Hit& hit : hits) {
    const std::uint32_t channel = rich.panel_channel(hit.channel);
    result.push_back({.spot = {rich.half_of_channel(hit.channel), rich.panel.pixel_centre(channel)},
                      .size = std::sqrt(rich.panel.pixel_area(channel)),
                      .own = hit.source == static_cast<std::int32_t>(track)});
  }
  return result;
}

void show_chosen(const Rich& rich, const RadiatorModel& radiator, const Track& track, RichDisplay& display) {
  const auto segment = usable_segment(rich, track);
  if (!segment) return;
  if (const auto centre = zero_angle_image(rich, *segment))
    display.centre = PanelSpot{centre->half, centre->panel};
  for (const Species species : kAllSpecies) {
    const double theta = radiator.angle(species, static_cast<double>(track.measured.momentum));
    if (theta > 0) display.rings.push_back({species, theta, traced_ring(rich, *segment, theta, kRingPoints)});
  }
}

void show_others(const Rich& rich, const RadiatorModel& radiator, const Event& event, std::size_t chosen,
                 RichDisplay& display) {
  for (std::size_t i = 0; i < event.tracks.size(); ++i) {
    const Track& track = event.tracks[i];
    const auto segment = usable_segment(rich, track);
    if (i == chosen || !segment) continue;
    const double theta = radiator.angle(track.species, static_cast<double>(track.measured.momentum));
    if (theta > 0) display.others.push_back(traced_ring(rich, *segment, theta, kOtherRingPoints));
  }
}

/// Makes the corona images of the whole event as training does, and takes the chosen track's.
void show_corona(const Event& event, EventDisplay& display, CoronaWindow window) {
  const CoronaOptions options{.window = window};
  const ImageMaker maker(display.preset, {options});
  ImageMaker::Workspace workspace(maker);
  std::vector<std::uint8_t> images(event.tracks.size() * options.bytes());
  std::vector<float> features(event.tracks.size() * kFeatures);
  maker.make(event, workspace, {.images = {images}, .features = features});
  display.corona_size = options.size;
  const auto image = std::span(images).subspan(display.track * options.bytes(), options.bytes());
  for (std::size_t channel = 0; channel < kRichCount; ++channel) {
    RichDisplay& rich = display.riches[channel];
    if (rich.rings.empty()) continue;
    for (std::size_t i = channel; i < image.size(); i += kRichCount) rich.corona.push_back(image[i]);
  }
}

}  // namespace

RingLine traced_ring(const Rich& rich, const Segment& track, double theta, int points) {
  expect_contract(points >= 3, "a ring has three points");
  const Frame frame = frame_around(track.direction());
  RingLine line;
  for (int i = 0; i <= points; ++i) {
    const double phi = 2 * std::numbers::pi * (i % points) / points;
    const auto path = trace(rich, {track.middle(), direction_around(frame, theta, phi)});
    line.push_back(path ? std::optional(PanelSpot{path->half, path->panel}) : std::nullopt);
  }
  return line;
}

std::optional<std::size_t> showy_track(const Event& event) {
  std::optional<std::size_t> best;
  int most = -1;
  for (std::size_t i = 0; i < event.tracks.size(); ++i) {
    const int crossed = (event.tracks[i].inside[0] ? 1 : 0) + (event.tracks[i].inside[1] ? 1 : 0);
    if (crossed <= most) continue;
    most = crossed;
    best = i;
  }
  return best;
}

EventDisplay make_display(const Event& event, std::size_t track, Preset preset, CoronaWindow window) {
  expect_contract(track < event.tracks.size(), "the track is in the event");
  const Detector detector = make_detector(preset);
  const Track& chosen = event.tracks[track];
  EventDisplay display{.event = event.number,
                       .track = track,
                       .species = chosen.species,
                       .momentum = static_cast<double>(chosen.measured.momentum),
                       .preset = preset};
  for (const Rich& rich : detector.riches) {
    const RadiatorModel radiator(rich);
    RichDisplay& shown = display.riches[index_of(rich.id)];
    shown.id = rich.id;
    shown.window = corona_window(rich, radiator, window, display.momentum);
    shown.hits = shown_hits(rich, event.hits[index_of(rich.id)], track);
    show_chosen(rich, radiator, chosen, shown);
    show_others(rich, radiator, event, track, shown);
  }
  show_corona(event, display, window);
  return display;
}

}  // namespace annulus::rich
