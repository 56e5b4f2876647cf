// The numbers behind pictures of events: rings that pass through the photons of their track, hits on their
// panels, the corona of training; and that the picture draws them.
#include "rich/images/event_display.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numbers>

#include "rich/detector/radiator.hpp"
#include "rich/images/display_picture.hpp"
#include "rich/images/image_maker.hpp"
#include "rich/reconstruction/quartic.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Display : public testing::Test {
 protected:
  Event event(std::uint64_t number) { return simulation_.event(number, workspace_); }

  const Simulation simulation_{{.tracks = 12, .seed = 8}};
  Simulation::Workspace workspace_{simulation_};
};

double distance(const PanelPoint& a, const PanelPoint& b) { return std::hypot(a.u - b.u, a.v - b.v); }

/// Of a point from the nearest point of a ring on the same half.
double distance_from(const RingLine& ring, const PanelSpot& spot) {
  double nearest = 1e9;
  for (const auto& point : ring)
    if (point && point->half == spot.half) nearest = std::min(nearest, distance(point->at, spot.at));
  return nearest;
}

TEST_F(Display, TrueRingPassesThroughTheTracksOwnHits) {
  // A photon's angle is known to 0.9 mrad with all errors, 1.6 mm here; points on the ring are 3.3 mm apart.
  const Event shown = event(1);
  std::size_t hits = 0;
  std::size_t on_ring = 0;
  for (std::size_t i = 0; i < shown.tracks.size(); ++i) {
    const EventDisplay display = make_display(shown, i, Preset::run3, CoronaWindow::fixed);
    const RichDisplay& rich = display.riches[0];
    const auto ring = std::ranges::find(rich.rings, shown.tracks[i].species, &HypothesisRing::species);
    if (ring == rich.rings.end()) continue;
    for (const DisplayHit& hit : rich.hits) {
      if (!hit.own) continue;
      hits += 1;
      on_ring += distance_from(ring->line, hit.spot) < 5 ? 1 : 0;
    }
  }

  ASSERT_GT(hits, 200u);
  EXPECT_GT(static_cast<double>(on_ring) / static_cast<double>(hits), 0.93);
}

TEST_F(Display, RingsAreClosedAndOrderedByMass) {
  const Event shown = event(1);
  const auto track = showy_track(shown);
  ASSERT_TRUE(track.has_value());
  const EventDisplay display = make_display(shown, *track, Preset::run3, CoronaWindow::scaled);

  for (const RichDisplay& rich : display.riches) {
    ASSERT_FALSE(rich.rings.empty());
    EXPECT_EQ(rich.rings.front().species, Species::electron);
    for (std::size_t i = 0; i < rich.rings.size(); ++i) {
      const RingLine& line = rich.rings[i].line;
      ASSERT_TRUE(line.front() && line.back());
      EXPECT_EQ(line.front()->at.u, line.back()->at.u);
      EXPECT_GT(rich.rings[i].theta, i + 1 < rich.rings.size() ? rich.rings[i + 1].theta : 0);
    }
    EXPECT_EQ(rich.hits.size(), shown.hits[index_of(rich.id)].size());
  }
}

TEST_F(Display, RingIsWhereTheReconstructionFindsItsAngle) {
  const Detector detector = make_detector(Preset::run3);
  const Rich& rich = detector[RichId::rich2];
  const Event shown = event(1);
  const auto segment = usable_segment(rich, shown.tracks[*showy_track(shown)]);
  ASSERT_TRUE(segment.has_value());

  const RingLine ring = traced_ring(rich, *segment, 0.025, 8);

  ASSERT_EQ(ring.size(), 9u);
  const auto centre = zero_angle_image(rich, *segment);
  for (const auto& spot : ring) {
    ASSERT_TRUE(spot.has_value());
    // The scale of the image varies by 3 % over ring and panel.
    EXPECT_NEAR(distance(spot->at, centre->panel), 0.025 * rich.image_scale, 0.03 * 0.025 * rich.image_scale);
  }
}

TEST_F(Display, CoronaIsThatOfTraining) {
  const Event shown = event(2);
  const std::size_t track = *showy_track(shown);
  const CoronaOptions options{};
  const ImageMaker maker(Preset::run3, {options});
  ImageMaker::Workspace workspace(maker);
  std::vector<std::uint8_t> images(shown.tracks.size() * options.bytes());
  std::vector<float> features(shown.tracks.size() * kFeatures);
  maker.make(shown, workspace, {.images = {images}, .features = features});

  const EventDisplay display = make_display(shown, track, Preset::run3, CoronaWindow::scaled);

  for (std::size_t i = 0; i < 1024; ++i) {
    ASSERT_EQ(display.riches[0].corona[i], images[track * options.bytes() + 2 * i]);
    ASSERT_EQ(display.riches[1].corona[i], images[track * options.bytes() + 2 * i + 1]);
  }
  EXPECT_GT(std::ranges::count_if(display.riches[0].corona, [](auto count) { return count > 0; }), 10);
}

TEST_F(Display, TracksOutsideHaveNoRings) {
  Event shown = event(1);
  shown.tracks[3].inside = {false, false};

  const EventDisplay display = make_display(shown, 3, Preset::run3, CoronaWindow::scaled);

  for (const RichDisplay& rich : display.riches) {
    EXPECT_TRUE(rich.rings.empty());
    EXPECT_TRUE(rich.corona.empty());
    EXPECT_FALSE(rich.centre.has_value());
    EXPECT_FALSE(rich.hits.empty());
    EXPECT_FALSE(rich.others.empty());
  }
}

TEST_F(Display, ShowyTrackCrossesMostRiches) {
  Event shown = event(1);
  for (Track& track : shown.tracks) track.inside = {true, false};
  shown.tracks[2].inside = {true, true};
  shown.tracks[4].inside = {true, true};

  EXPECT_EQ(showy_track(shown), 2u);
  shown.tracks[2].inside = shown.tracks[4].inside = {false, false};
  EXPECT_EQ(showy_track(shown), 0u);
  shown.tracks.clear();
  EXPECT_FALSE(showy_track(shown).has_value());
}

TEST_F(Display, PictureHoldsTitlePlotsAndLegend) {
  const Event shown = event(1);
  const std::string path = testing::TempDir() + "display_" + std::to_string(getpid()) + ".svg";
  const EventDisplay display = make_display(shown, *showy_track(shown), Preset::run3, CoronaWindow::scaled);

  picture_of(display, "An event's {title}").draw(path, io::Existing::replace);

  std::ifstream stream(path);
  const std::string picture{std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(path);
  EXPECT_THAT(picture,
              AllOf(HasSubstr("An event's {title}"), HasSubstr("RICH1: corona"), HasSubstr("RICH2: corona"),
                    HasSubstr("Cherenkov angle [mrad]"), HasSubstr("u [mm]"), HasSubstr("as pion"),
                    HasSubstr("as electron"), HasSubstr("</svg>")));
  EXPECT_THAT(picture, Not(HasSubstr("does not")));
}

TEST_F(Display, PictureOfATrackOutsideSaysSo) {
  Event shown = event(1);
  shown.tracks[3].inside = {true, false};
  shown.hits[1].clear();
  const std::string path = testing::TempDir() + "outside_" + std::to_string(getpid()) + ".svg";

  picture_of(make_display(shown, 3, Preset::run3, CoronaWindow::fixed), "outside")
      .draw(path, io::Existing::replace);

  std::ifstream stream(path);
  const std::string picture{std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(path);
  // In place of its surroundings, and of its corona.
  const std::size_t first = picture.find("cross RICH2");
  EXPECT_NE(first, std::string::npos);
  EXPECT_NE(picture.find("cross RICH2", first + 1), std::string::npos);
  EXPECT_THAT(picture, AllOf(HasSubstr("the track does not"), Not(HasSubstr("cross RICH1"))));
}

}  // namespace
}  // namespace annulus::rich
