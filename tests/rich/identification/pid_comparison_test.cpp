// Network and likelihood on the same tracks: predictions are read, checked, found among the events, and
// counted beside the likelihood.
#include "rich/identification/pid_comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/error.hpp"
#include "rich/files/event_file.hpp"
#include "rich/simulation/simulation.hpp"
#include "tests/support/planted_predictions.hpp"

namespace annulus::rich {
namespace {

namespace fs = std::filesystem;
using test::PlantedPredictions;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Comparison : public testing::Test {
 protected:
  Comparison() {
    fs::create_directories(folder_);
    const Simulation simulation({.tracks = 8, .seed = 4});
    Simulation::Workspace workspace(simulation);
    EventColumns columns;
    for (std::uint64_t i = 0; i < 30; ++i) columns.append(simulation.event(i, workspace));
    EventWriter writer(events_, io::Existing::replace, simulation.options());
    writer.append(columns);
    writer.commit();
  }
  ~Comparison() override { fs::remove_all(folder_); }

  /// Log-likelihoods that are sure of the truth, but for every fifth track, of which they say nothing.
  void plant_likelihood() const {
    const auto species = io::Hdf5File::open(events_).read<std::uint8_t>("tracks/species");
    IdentityColumns columns;
    std::vector<TrackIdentity> identities(species.size());
    for (std::size_t i = 0; i < species.size(); ++i) {
      if (i % 5 == 0) continue;
      identities[i].dll.fill(-50);
      identities[i].dll[species[i]] = 0;
      identities[i].best = static_cast<Species>(species[i]);
      identities[i].seen = {true, false};
    }
    columns.append(identities);
    write_identities(events_, columns, LikelihoodKind::global);
  }

  std::string message(const std::function<void(PlantedPredictions&)>& change,
                      const std::string& without = {}) {
    PlantedPredictions planted(events_);
    change(planted);
    planted.write(predictions_, without);
    try {
      compare(read_named_tracks(predictions_), "train");
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("comparison_" + std::to_string(getpid()) + "_" +
                                      testing::UnitTest::GetInstance()->current_test_info()->name());
  const std::string events_ = (folder_ / "events.h5").string();
  const std::string predictions_ = (folder_ / "predictions.h5").string();
};

TEST_F(Comparison, NetworkIsAloneUntilEventsAreReconstructed) {
  const PlantedPredictions planted(events_);
  planted.write(predictions_);

  const PidComparison comparison = compare(read_named_tracks(predictions_), "train");
  const std::vector<NamedTable> tables = tables_of(comparison);

  ASSERT_THAT(tables, SizeIs(1));
  EXPECT_EQ(tables[0].table.tracks(), planted.labels.size());
  // Every fourth track was planted wrong.
  EXPECT_EQ(tables[0].table.overall().part, planted.labels.size() - planted.labels.size() / 4);
  EXPECT_THAT(comparison.notes, ElementsAre(HasSubstr("`annulus rich reconstruct " + events_ + "`")));
}

TEST_F(Comparison, LikelihoodIsOfTheSameTracks) {
  plant_likelihood();
  const PlantedPredictions planted(events_);
  planted.write(predictions_);
  std::size_t unknown = 0;
  std::size_t unknown_pions = 0;
  for (std::size_t i = 0; i < planted.track.size(); ++i) {
    unknown += planted.track[i] % 5 == 0;
    unknown_pions += planted.track[i] % 5 == 0 && planted.labels[i] == 2;
  }

  const PidComparison comparison = compare(read_named_tracks(predictions_), "train");
  const std::vector<NamedTable> tables = tables_of(comparison);

  ASSERT_THAT(tables, SizeIs(3));
  ASSERT_GT(unknown, 0u);
  // Where the likelihood says nothing, the prior does: a pion.
  EXPECT_EQ(tables[1].table.tracks(), planted.labels.size());
  EXPECT_EQ(tables[1].table.overall().part, planted.labels.size() - unknown + unknown_pions);
  EXPECT_EQ(tables[2].table.overall().part, tables[1].table.overall().part);
  EXPECT_TRUE(tables[1].table.loss().has_value());
  EXPECT_FALSE(tables[2].table.loss().has_value());
  EXPECT_THAT(comparison.notes, ElementsAre(HasSubstr(std::to_string(unknown) + " of ")));
}

TEST_F(Comparison, PriorIsThatOfTheTrainingSplit) {
  const TrackReference reference(events_);
  const EventFile events(events_);
  PerSpecies counts{};
  double all = 0;
  for (const Event& event : events.read(0, events.events()))
    for (const Track& track : event.tracks)
      if (event.split == Split::train) {
        counts[index_of(track.species)] += 1;
        all += 1;
      }

  const PerSpecies shares = reference.prior().shares();

  ASSERT_LT(all, static_cast<double>(reference.tracks()));
  EXPECT_EQ(reference.prior().tracks(), all);
  for (std::size_t k = 0; k < kSpeciesCount; ++k) EXPECT_NEAR(shares[k], counts[k] / all, 1e-12);
}

TEST_F(Comparison, FlatPriorLiftsRareSpeciesInBothMethods) {
  plant_likelihood();
  PlantedPredictions planted(events_);
  // The network is nearly sure of a pion, always.
  for (std::size_t i = 0; i < planted.probabilities.size(); ++i)
    planted.probabilities[i] = i % 6 == 2 ? 0.55f : i % 6 == 3 ? 0.45f : 0;
  planted.write(predictions_);

  const auto trained = tables_of(compare(read_named_tracks(predictions_), "train"));
  const auto flat = tables_of(compare(read_named_tracks(predictions_), "flat"));

  const std::size_t pion = index_of(Species::pion);
  const std::size_t kaon = index_of(Species::kaon);
  EXPECT_EQ(trained[0].table.efficiency(pion).value(), 1);
  EXPECT_EQ(flat[0].table.efficiency(pion).value(), 0);
  EXPECT_EQ(flat[0].table.efficiency(kaon).value(), 1);
  EXPECT_LT(flat[1].table.efficiency(pion).value(), trained[1].table.efficiency(pion).value());
}

TEST_F(Comparison, ClassesMayBeFewerAndInAnotherOrder) {
  plant_likelihood();
  PlantedPredictions planted(events_);
  planted.classes = {"deuteron", "proton", "kaon", "pion", "muon", "electron"};
  for (std::int32_t& label : planted.labels) label = 5 - label;
  for (std::size_t i = 0; i < planted.labels.size(); ++i)
    std::reverse(planted.probabilities.begin() + static_cast<std::ptrdiff_t>(6 * i),
                 planted.probabilities.begin() + static_cast<std::ptrdiff_t>(6 * i + 6));
  planted.write(predictions_);

  const auto tables = tables_of(compare(read_named_tracks(predictions_), "train"));

  EXPECT_EQ(tables[0].table.overall().part, planted.labels.size() - planted.labels.size() / 4);
  EXPECT_GT(tables[1].table.overall().value(), 0.8);
}

TEST_F(Comparison, WithoutTheFileOfEventsTheNetworkIsAlone) {
  PlantedPredictions planted(events_);
  planted.events = (folder_ / "gone.h5").string();
  planted.write(predictions_);

  const PidComparison comparison = compare(read_named_tracks(predictions_), "train");

  EXPECT_THAT(tables_of(comparison), SizeIs(1));
  EXPECT_THAT(comparison.notes, ElementsAre(AllOf(HasSubstr("gone.h5"), HasSubstr("--events"))));
  EXPECT_THROW(compare(read_named_tracks(predictions_), "flat"), UsageError);
}

TEST_F(Comparison, PredictionsOfOtherTracksAreRefused) {
  EXPECT_THAT(message([](auto& planted) { planted.track[2] += 1; }),
              AllOf(HasSubstr("row 2 is"), HasSubstr("another file")));
  EXPECT_THAT(message([](auto& planted) { planted.track[1] = 100000; }),
              AllOf(HasSubstr("row 1 is track 100000"), HasSubstr("simulated again")));
  EXPECT_THAT(message([](auto& planted) { planted.momentum[1] *= 2; }), HasSubstr("row 1 is"));
}

TEST_F(Comparison, BadPredictionsAreRefused) {
  const auto nothing = [](PlantedPredictions&) {};
  EXPECT_EQ(message(nothing), "no error");
  EXPECT_THAT(message(nothing, "track"), AllOf(HasSubstr("has no `track`"), HasSubstr("predict again")));
  EXPECT_THAT(message(nothing, "momentum"), HasSubstr("has no `momentum`"));
  EXPECT_THAT(message(nothing, "labels"), AllOf(HasSubstr("has no `labels`"), HasSubstr("truth")));
  EXPECT_THAT(message([](auto& planted) { planted.probabilities[13] = NAN; }),
              AllOf(HasSubstr("probabilities: row 2 holds nan"), HasSubstr("diverged")));
  EXPECT_THAT(message([](auto& planted) { planted.probabilities[13] = -0.1f; }),
              HasSubstr("row 2 holds -0.1"));
  EXPECT_THAT(message([](auto& planted) { planted.labels[3] = 6; }), HasSubstr("labels: row 3 is 6"));
  EXPECT_THAT(message([](auto& planted) { planted.momentum[3] = -1; }), HasSubstr("momentum: row 3 is -1"));
  EXPECT_THAT(message([](auto& planted) { planted.classes[0] = "cat"; }),
              AllOf(HasSubstr("'cat'"), HasSubstr("annulus evaluate")));
  EXPECT_THAT(message([](auto& planted) { planted.classes.pop_back(); }), HasSubstr("as many outputs"));
  EXPECT_THAT(message([](auto& planted) {
                planted.labels.clear();
                planted.track.clear();
                planted.momentum.clear();
                planted.probabilities.clear();
              }),
              HasSubstr("holds no tracks"));
}

TEST_F(Comparison, FilesOfOtherKindsAreRefused) {
  try {
    read_named_tracks(events_);
    FAIL() << "read events as predictions";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("holds no predictions"), HasSubstr("annulus predict")));
  }
}

TEST_F(Comparison, LogLikelihoodsMustBeNumbers) {
  plant_likelihood();
  io::Hdf5File file = io::Hdf5File::open_to_change(events_);
  const std::vector<float> row(kSpeciesCount, std::numeric_limits<float>::quiet_NaN());
  file.dataset("reconstruction/dll").write_rows(7, 1, std::span<const float>(row));
  file.close();

  EXPECT_THAT(message([](auto&) {}), AllOf(HasSubstr("reconstruction/dll: row 7"), HasSubstr("again")));
}

}  // namespace
}  // namespace annulus::rich
