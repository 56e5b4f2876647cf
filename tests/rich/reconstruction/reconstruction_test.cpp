// Reconstruction of simulated events: what it finds, that the order of tracks does not matter, and events
// that lack something.
#include "rich/reconstruction/reconstruction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "rich/simulation/simulation.hpp"

namespace annulus::rich {
namespace {

class ReconstructionTest : public testing::Test {
 protected:
  Event event(std::uint64_t number) { return simulation_.event(number, simulation_workspace_); }
  std::vector<TrackIdentity> run(const Event& event, LikelihoodKind kind = LikelihoodKind::global) {
    return reconstruction_.run(event, kind, workspace_);
  }

  const Simulation simulation_{{.tracks = 30, .seed = 3}};
  Simulation::Workspace simulation_workspace_{simulation_};
  const Reconstruction reconstruction_{Preset::run3};
  Reconstruction::Workspace workspace_{reconstruction_};
};

TEST_F(ReconstructionTest, TellsKaonsFromPionsWhereBothGiveLight) {
  for (const LikelihoodKind kind : {LikelihoodKind::global, LikelihoodKind::local}) {
    int right = 0;
    int all = 0;
    for (std::uint64_t i = 0; i < 30; ++i) {
      const Event made = event(i);
      const auto found = run(made, kind);
      for (std::size_t j = 0; j < found.size(); ++j) {
        const Track& track = made.tracks[j];
        const bool known = track.species == Species::pion || track.species == Species::kaon;
        if (!known || track.measured.momentum < 10 || track.measured.momentum > 60) continue;
        ++all;
        right += (found[j].dll[index_of(Species::kaon)] > 0) == (track.species == Species::kaon) ? 1 : 0;
      }
    }

    ASSERT_GT(all, 200);
    EXPECT_GT(right, 0.97 * all) << "of " << all;
  }
}

TEST_F(ReconstructionTest, HitsFoundAreThePhotonsExpectedWhereRingsAreAlone) {
  const Simulation sparse({.tracks = 2, .ghosts_per_track = 0, .seed = 4});
  double hits = 0;
  double expected = 0;
  double theta = 0;
  double saturated = 0;
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Event made = sparse.event(i, simulation_workspace_);
    const auto found = run(made);
    for (std::size_t j = 0; j < found.size(); ++j) {
      const RingSummary& ring = found[j].rings[0];
      if (found[j].best != Species::pion || made.tracks[j].measured.momentum < 10) continue;
      hits += static_cast<double>(ring.photons);
      expected += static_cast<double>(ring.expected);
      theta += static_cast<double>(ring.theta) * static_cast<double>(ring.photons);
      saturated +=
          sparse.light(RichId::rich1).radiator().angle(Species::pion, made.tracks[j].measured.momentum) *
          static_cast<double>(ring.photons);
    }
  }

  ASSERT_GT(expected, 5000);
  // Photons of a ring that share a pixel are one hit.
  EXPECT_NEAR(hits / expected, 0.93, 0.05);
  EXPECT_NEAR(theta / saturated, 1, 0.002);
}

/// Were every pixel to fire, the photons expected in each would add up to those expected of the track: also
/// where rings lie on both halves, far off the axis, and where tubes have larger pixels.
TEST_F(ReconstructionTest, ExpectationsOfAllPixelsAddUpToThatOfTheTrack) {
  Event made = event(1);
  for (const Rich& rich : reconstruction_.detector().riches) {
    made.hits[index_of(rich.id)].clear();
    for (std::uint32_t channel = 0; channel < rich.channels(); ++channel)
      if (rich.panel.is_live(rich.panel_channel(channel)))
        made.hits[index_of(rich.id)].push_back({.channel = channel});
  }

  run(made, LikelihoodKind::local);

  const LikelihoodProblem& problem = Reconstruction::problem(workspace_);
  double all_expected = 0;
  double all_sum = 0;
  for (const LikelihoodProblem::Track& track : problem.tracks) {
    const double expected = track.expected[index_of(Species::pion)];
    if (expected < 30) continue;
    double sum = 0;
    for (const PixelTerm& term : problem.terms_of(track))
      sum += static_cast<double>(term.expected[index_of(Species::pion)]);
    all_expected += expected;
    all_sum += sum;
    // How much of a ring falls on dead rims and beyond edges is taken from 24 of its points.
    EXPECT_NEAR(sum / expected, 1, 0.25) << "track " << &track - problem.tracks.data();
  }
  ASSERT_GT(all_expected, 1000);
  EXPECT_NEAR(all_sum / all_expected, 1, 0.02);
}

TEST_F(ReconstructionTest, EndsWhereNoSingleChangeHelps) {
  for (std::uint64_t i = 0; i < 5; ++i) {
    for (const TrackIdentity& identity : run(event(i))) {
      const float best = *std::ranges::max_element(identity.dll);
      EXPECT_GE(identity.dll[index_of(identity.best)], best - 2 * GlobalLikelihood::kSmallestGain)
          << "acceptance number A25";
    }
  }
}

TEST_F(ReconstructionTest, OrderOfTracksChangesHardlyAnyHypothesis) {
  int changed = 0;
  int all = 0;
  for (std::uint64_t i = 0; i < 30; ++i) {
    Event made = event(i);
    const auto forwards = run(made);
    std::ranges::reverse(made.tracks);
    auto backwards = run(made);
    std::ranges::reverse(backwards);
    for (std::size_t j = 0; j < forwards.size(); ++j)
      changed += forwards[j].best != backwards[j].best ? 1 : 0;
    all += static_cast<int>(forwards.size());
  }

  EXPECT_LT(changed, 0.01 * all) << "acceptance number A25";
}

TEST_F(ReconstructionTest, WorkspaceCarriesNothingOver) {
  const Event made = event(1);
  const auto fresh = run(made);

  run(event(2));
  const auto again = run(made);

  for (std::size_t j = 0; j < fresh.size(); ++j) EXPECT_EQ(fresh[j].dll, again[j].dll);
}

TEST_F(ReconstructionTest, EventsWithoutHitsAreNamedByMissingLight) {
  Event made = event(1);
  for (auto& hits : made.hits) hits.clear();

  const auto found = run(made);

  for (std::size_t j = 0; j < found.size(); ++j) {
    EXPECT_THAT(found[j].dll, testing::Each(testing::Truly([](float x) { return std::isfinite(x); })));
    const bool sees = found[j].seen[0] && made.tracks[j].measured.momentum > 4;
    if (sees && made.tracks[j].measured.momentum < 9) {
      EXPECT_EQ(found[j].best, Species::kaon) << j;
    }
  }
}

TEST_F(ReconstructionTest, EventsWithoutTracksAreEmpty) {
  Event made = event(1);
  made.tracks.clear();

  EXPECT_THAT(run(made), testing::IsEmpty());
  EXPECT_THAT(run(Event{}), testing::IsEmpty());
}

TEST_F(ReconstructionTest, TracksOutsideBothRichesAreKeptAndSayNothing) {
  Event made = event(1);
  made.tracks[0].inside = {false, false};

  for (const LikelihoodKind kind : {LikelihoodKind::global, LikelihoodKind::local}) {
    const auto found = run(made, kind);

    ASSERT_EQ(found.size(), made.tracks.size());
    EXPECT_EQ(found[0].seen, (std::array{false, false}));
    EXPECT_EQ(found[0].best, Species::pion);
    EXPECT_THAT(found[0].dll, testing::Each(0.0f));
  }
}

TEST_F(ReconstructionTest, ImpossibleTracksAreNotUsedAndSpoilNoOther) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const Event good = event(1);
  Event made = good;
  made.tracks.resize(made.tracks.size() + 4, made.tracks[0]);
  Track* added = &made.tracks[good.tracks.size()];
  added[0].measured.entries[0].slope_x = kNan;
  added[0].measured.entries[1].x = kNan;
  added[1].measured.momentum = -5;
  added[2].measured.momentum = kNan;
  added[3].measured.momentum = 0;

  const auto expected = run(good);
  const auto found = run(made);

  for (std::size_t j = 0; j < expected.size(); ++j) EXPECT_EQ(found[j].dll, expected[j].dll) << j;
  for (std::size_t j = expected.size(); j < found.size(); ++j) {
    EXPECT_EQ(found[j].seen, (std::array{false, false})) << j;
    EXPECT_THAT(found[j].dll, testing::Each(0.0f)) << j;
  }
}

TEST_F(ReconstructionTest, HitsWhereNoTubeIsAreRefused) {
  Event made = event(1);
  const Rich& rich = reconstruction_.detector()[RichId::rich1];
  ASSERT_FALSE(rich.panel.is_live(0));
  made.hits[0].insert(made.hits[0].begin(), Hit{.channel = 0});

  EXPECT_THROW(run(made), DataError);
}

}  // namespace
}  // namespace annulus::rich
