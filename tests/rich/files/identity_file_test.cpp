// Results beside the events they belong to: written, read, replaced, and refused.
#include "rich/files/identity_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "rich/files/event_file.hpp"
#include "rich/simulation/simulation.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::rich {
namespace {

namespace fs = std::filesystem;

class IdentityFile : public testing::Test {
 protected:
  IdentityFile() {
    EventColumns columns;
    for (std::uint64_t i = 0; i < 3; ++i) {
      events_.push_back(simulation_.event(i, workspace_));
      columns.append(events_.back());
    }
    EventWriter writer(path_, io::Existing::replace, simulation_.options());
    writer.append(columns);
    writer.commit();
  }
  ~IdentityFile() override { fs::remove(path_); }

  IdentityColumns reconstruct(LikelihoodKind kind) {
    const Reconstruction reconstruction(Preset::run3);
    Reconstruction::Workspace workspace(reconstruction);
    IdentityColumns columns;
    for (const Event& event : events_) columns.append(reconstruction.run(event, kind, workspace));
    return columns;
  }

  const std::string path_ =
      (fs::path(testing::TempDir()) / ("identities_" + std::to_string(getpid()) + "_" +
                                       testing::UnitTest::GetInstance()->current_test_info()->name() + ".h5"))
          .string();
  const Simulation simulation_{{.tracks = 10, .seed = 5}};
  Simulation::Workspace workspace_{simulation_};
  std::vector<Event> events_;
};

TEST_F(IdentityFile, AnotherOrderOfSpeciesIsRefusedByName) {
  write_identities(path_, reconstruct(LikelihoodKind::local), LikelihoodKind::local);
  const auto renumber = [&](const std::string& object) {
    io::Hdf5File file = io::Hdf5File::open_to_change(path_);
    file.set_attribute(object, "species",
                       std::vector<std::string>{"pion", "kaon", "proton", "electron", "muon", "deuteron"});
    file.close();
  };
  const auto refused = testing::AllOf(testing::HasSubstr(path_), testing::HasSubstr("pion, kaon, proton"),
                                      testing::HasSubstr("electron, muon, pion"));

  renumber("reconstruction");
  EXPECT_THAT(io::error_of([&] { read_identities(path_); }), refused);
  renumber("/");
  EXPECT_THAT(io::error_of([&] { EventFile{path_}; }), refused);
}

TEST_F(IdentityFile, ComesBackBesideTheEvents) {
  const IdentityColumns columns = reconstruct(LikelihoodKind::global);

  write_identities(path_, columns, LikelihoodKind::global);
  const IdentityColumns back = read_identities(path_);

  EXPECT_EQ(back.dll, columns.dll);
  EXPECT_EQ(back.best, columns.best);
  EXPECT_EQ(back.theta, columns.theta);
  EXPECT_EQ(back.candidates, columns.candidates);
  EXPECT_EQ(EventFile(path_).read(0, 3)[2].hits[0].size(), events_[2].hits[0].size());
  EXPECT_EQ(io::Hdf5File::open(path_).string_attribute("reconstruction", "likelihood"), "global");
  EXPECT_FALSE(fs::exists(path_ + ".partial"));
}

TEST_F(IdentityFile, AnotherReconstructionReplacesTheFirst) {
  write_identities(path_, reconstruct(LikelihoodKind::global), LikelihoodKind::global);
  const IdentityColumns local = reconstruct(LikelihoodKind::local);

  write_identities(path_, local, LikelihoodKind::local);

  EXPECT_EQ(read_identities(path_).dll, local.dll);
  EXPECT_EQ(io::Hdf5File::open(path_).string_attribute("reconstruction", "likelihood"), "local");
}

TEST_F(IdentityFile, StaysAsItWasWhenWritingFails) {
  IdentityColumns columns = reconstruct(LikelihoodKind::global);
  write_identities(path_, columns, LikelihoodKind::global);
  columns.best.pop_back();

  EXPECT_THROW(write_identities(path_, columns, LikelihoodKind::global), DataError);

  columns.best = read_identities(path_).best;
  EXPECT_EQ(columns.best.size(), EventFile(path_).tracks());
  EXPECT_FALSE(fs::exists(path_ + ".partial"));
}

TEST_F(IdentityFile, MissingColumnsAreNamed) {
  try {
    read_identities(path_);
    FAIL() << "nothing was reconstructed";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("annulus rich reconstruct"));
  }
}

TEST_F(IdentityFile, BytesForAnotherRankComeBack) {
  const IdentityColumns columns = reconstruct(LikelihoodKind::global);

  const std::vector<std::byte> bytes = packed(columns);
  const IdentityColumns back = unpacked_identities(bytes);

  EXPECT_EQ(back.dll, columns.dll);
  EXPECT_EQ(back.seen, columns.seen);
  EXPECT_EQ(back.photons, columns.photons);
  EXPECT_THROW(unpacked_identities(std::span(bytes).first(bytes.size() - 1)), RuntimeError);
  EXPECT_EQ(unpacked_identities({}).tracks(), 0u);
}

}  // namespace
}  // namespace annulus::rich
