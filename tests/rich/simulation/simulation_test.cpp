// Events as a whole: the same whoever makes them, with the particles, hits and errors that the options ask
// for.
#include "rich/simulation/simulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "rich/simulation/event_factory.hpp"
#include "tests/rich/columns_of.hpp"

namespace annulus::rich {
namespace {

std::vector<Event> simulate(const SimulationOptions& options, std::uint64_t events) {
  return EventFactory(options, 1).make_events(0, events);
}

TEST(Simulation, EventsDependOnTheirNumberAlone) {
  SimulationOptions options;
  options.tracks = 10;
  EventFactory alone(options, 1);
  EventFactory three(options, 3);

  const EventColumns whole = columns_of(alone.make_events(0, 24));
  EventColumns pieces = columns_of(three.make_events(0, 7));
  append_packed(packed(columns_of(three.make_events(7, 17))), pieces);

  EXPECT_EQ(packed(whole), packed(pieces));
}

TEST(Simulation, SeedsGiveOtherEvents) {
  SimulationOptions options;
  const EventColumns one = columns_of(EventFactory(options, 1).make_events(0, 2));
  options.seed = 2;
  const EventColumns two = columns_of(EventFactory(options, 1).make_events(0, 2));

  EXPECT_NE(one.momentum, two.momentum);
  EXPECT_NE(one.channel[0], two.channel[0]);
}

TEST(Simulation, HitsAreBinaryAndNameTheirMakers) {
  const Detector detector = make_detector(Preset::run3);
  for (const Event& event : simulate({}, 20)) {
    for (const Rich& rich : detector.riches) {
      const std::vector<Hit>& hits = event.hits[index_of(rich.id)];
      EXPECT_TRUE(std::ranges::is_sorted(hits, std::ranges::less_equal{}, &Hit::channel));
      std::vector<int> of_track(event.tracks.size());
      for (const Hit& hit : hits) {
        ASSERT_LT(hit.channel, rich.channels());
        ASSERT_TRUE(rich.panel.is_live(rich.panel_channel(hit.channel)));
        ASSERT_GE(hit.source, kGhost);
        ASSERT_LT(hit.source, static_cast<std::int32_t>(event.tracks.size()));
        if (hit.source >= 0) ++of_track[static_cast<std::size_t>(hit.source)];
      }
      for (std::size_t i = 0; i < of_track.size(); ++i)
        EXPECT_LE(of_track[i], event.tracks[i].photons[index_of(rich.id)]);  // some were merged
    }
  }
}

TEST(Simulation, HitsPerEventGrowWithTheTracks) {
  struct Row {
    double tracks, rich1, rich2;
  };
  // Section 7 of the fact sheet, 15 %. Multiplicities fluctuate by 44 % between events: 4 % on the mean of
  // 120.
  for (const Row& row : {Row{30, 1185, 384}, Row{60, 2400, 805}, Row{100, 3500, 1190}}) {
    SimulationOptions options;
    options.tracks = row.tracks;
    const EventColumns columns = columns_of(EventFactory(options, 1).make_events(0, 120));
    const double per_event = row.tracks / static_cast<double>(columns.species.size());
    EXPECT_NEAR(static_cast<double>(columns.channel[0].size()) * per_event, row.rich1, 0.15 * row.rich1);
    EXPECT_NEAR(static_cast<double>(columns.channel[1].size()) * per_event, row.rich2, 0.15 * row.rich2);
  }
}

TEST(Simulation, NoiseAloneFillsBothHalves) {
  SimulationOptions options;
  options.tracks = 0;
  const EventColumns columns = columns_of(EventFactory(options, 1).make_events(0, 400));

  // Poisson: 0.45 and 0.3 hits on the mean of 400 events, four deviations.
  EXPECT_NEAR(static_cast<double>(columns.channel[0].size()) / 400, 80, 1.8);
  EXPECT_NEAR(static_cast<double>(columns.channel[1].size()) / 400, 40, 1.3);
  EXPECT_TRUE(columns.species.empty());
}

TEST(Simulation, EmptyEventsExist) {
  SimulationOptions options;
  options.tracks = 0;
  options.noise = {0, 0};

  for (const Event& event : simulate(options, 3)) {
    EXPECT_TRUE(event.tracks.empty());
    EXPECT_TRUE(event.hits[0].empty());
    EXPECT_TRUE(event.hits[1].empty());
  }
}

TEST(Simulation, SpeciesComeInTheirShares) {
  for (const Mix mix : {Mix::lecture, Mix::minbias, Mix::balanced}) {
    SimulationOptions options;
    options.mix = mix;
    const EventColumns columns = columns_of(EventFactory(options, 1).make_events(0, 150));
    const auto tracks = static_cast<double>(columns.species.size());
    for (const Species species : kAllSpecies) {
      const double share = shares_of(mix)[index_of(species)];
      const auto found = static_cast<double>(std::ranges::count(columns.species, index_of(species)));
      EXPECT_NEAR(found / tracks, share, 4 * std::sqrt(share / tracks)) << name_of(species);  // binomial
    }
  }
}

TEST(Simulation, MomentaAreThoseOfCollisions) {
  const EventColumns columns = columns_of(EventFactory({}, 1).make_events(0, 150));
  std::vector<float> momenta = columns.true_momentum;
  std::ranges::sort(momenta);
  double sum = 0;
  for (const float momentum : momenta) sum += momentum;

  EXPECT_GE(momenta.front(), 2);
  EXPECT_LE(momenta.back(), 100);
  // The mean of 4500 is known to 0.2, the median to 0.15.
  EXPECT_NEAR(sum / static_cast<double>(momenta.size()), 11.3, 0.8);
  EXPECT_NEAR(momenta[momenta.size() / 2], 7.1, 0.5);
}

TEST(Simulation, MostTracksCrossBothDetectors) {
  const EventColumns columns = columns_of(EventFactory({}, 1).make_events(0, 100));
  std::array<double, kRichCount> inside{};
  for (std::size_t i = 0; i < columns.inside.size(); ++i) inside[i % kRichCount] += columns.inside[i];

  EXPECT_GT(inside[0] / static_cast<double>(columns.species.size()), 0.98);
  EXPECT_NEAR(inside[1] / static_cast<double>(columns.species.size()), 0.60, 0.04);
}

TEST(Simulation, TheMagnetBendsByChargeOverMomentum) {
  for (const Event& event : simulate({}, 5)) {
    for (const Track& track : event.tracks) {
      const auto& [before, after] = track.truth.entries;
      // Single precision of slopes and momenta.
      EXPECT_NEAR((after.slope_x - before.slope_x) * track.truth.momentum, 1.2 * track.charge, 1e-4);
      EXPECT_NEAR(after.slope_y, before.slope_y, 1e-7);
      EXPECT_NEAR(after.x - before.x, before.slope_x * (5200 - 990) + after.slope_x * (9497 - 5200), 0.01);
    }
  }
}

/// Deviation of the measured slopes in RICH1 of tracks above 20 GeV/c.
double slope_error(const std::vector<Event>& events, bool mistaken) {
  double squares = 0;
  int count = 0;
  for (const Event& event : events) {
    for (const Track& track : event.tracks) {
      if (track.truth.momentum < 20 || track.mistaken != mistaken) continue;
      const double error = track.measured.entries[0].slope_y - track.truth.entries[0].slope_y;
      squares += error * error;
      ++count;
    }
  }
  return std::sqrt(squares / count);
}

TEST(Simulation, TracksAreSmearedAsAsked) {
  SimulationOptions options;
  options.quality.tail_fraction = 0.5;
  const std::vector<Event> events = simulate(options, 150);

  // 0.30 mrad and 2.5 mrad over the momentum, in quadrature; some 300 tracks of each kind know it to 4 %.
  EXPECT_NEAR(slope_error(events, false), 0.31e-3, 0.15 * 0.31e-3);
  EXPECT_NEAR(slope_error(events, true), 5 * 0.31e-3, 0.15 * 5 * 0.31e-3);
}

TEST(Simulation, LostTracksGiveLessLight) {
  SimulationOptions options;
  options.quality.lost_fraction = 0.5;
  int without_light = 0;
  int lost = 0;
  for (const Event& event : simulate(options, 60)) {
    for (const Track& track : event.tracks) {
      if (track.lost_z == 0) continue;
      ++lost;
      EXPECT_GE(track.lost_z, 900);
      EXPECT_LE(track.lost_z, 11500);
      if (track.lost_z < 9497) {
        EXPECT_EQ(track.photons[1], 0);
        ++without_light;
      }
    }
  }

  EXPECT_GT(lost, 600);
  EXPECT_GT(without_light, 400);
}

TEST(Simulation, SplitsByEventInTheirShares) {
  SimulationOptions options;
  options.tracks = 0;
  std::array<int, 3> counts{};
  for (const Event& event : simulate(options, 4000)) ++counts[static_cast<std::size_t>(event.split)];

  EXPECT_NEAR(counts[static_cast<std::size_t>(Split::validation)], 400, 80);  // binomial, four deviations
  EXPECT_NEAR(counts[static_cast<std::size_t>(Split::test)], 800, 105);
}

TEST(Simulation, HpdsGiveThinnerRings) {
  SimulationOptions options;
  const EventColumns run3 = columns_of(EventFactory(options, 1).make_events(0, 40));
  options.preset = Preset::hpd;
  const EventColumns hpd = columns_of(EventFactory(options, 1).make_events(0, 40));
  const auto photons = [](const EventColumns& columns) {
    double sum = 0;
    for (const std::int32_t count : columns.photons) sum += count;
    return sum;
  };

  // 0.40/0.95 and 0.45/0.90 of the light on the same particles.
  EXPECT_EQ(run3.true_momentum, hpd.true_momentum);
  EXPECT_NEAR(photons(hpd) / photons(run3), 0.44, 0.02);
}

TEST(Simulation, ImpossibleOptionsAreRefused) {
  const auto refused = [](auto change, const char* what) {
    SimulationOptions options;
    change(options);
    EXPECT_THAT([&] { Simulation{options}; }, testing::ThrowsMessage<UsageError>(testing::HasSubstr(what)));
  };

  refused([](SimulationOptions& o) { o.tracks = -1; }, "number of tracks is -1");
  refused([](SimulationOptions& o) { o.tracks = std::nan(""); }, "number of tracks is nan");
  refused([](SimulationOptions& o) { o.highest_momentum = 1; }, "highest momentum is 1");
  refused([](SimulationOptions& o) { o.noise[1] = 1e9; }, "noise is 1");
  refused([](SimulationOptions& o) { o.test_fraction = 0.95; }, "test fraction is 0.95");
}

TEST(Draws, PoissonHasItsMeanAndVariance) {
  Draws draws(1, Draws::Part::noise, 0);
  for (const double mean : {0.5, 20.0, 600.0}) {
    double sum = 0;
    double squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double value = draws.poisson(mean);
      sum += value;
      squares += value * value;
    }
    const double average = sum / kDraws;
    EXPECT_NEAR(average, mean, 4 * std::sqrt(mean / kDraws));
    EXPECT_NEAR(squares / kDraws - average * average, mean, 4 * mean * std::sqrt(3.0 / kDraws));
  }
}

}  // namespace
}  // namespace annulus::rich
