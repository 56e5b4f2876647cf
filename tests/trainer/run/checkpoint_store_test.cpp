// The checkpoints of a run directory: links, what is kept, and falling back to an older one.
#include "trainer/run/checkpoint_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointStoreTest : public testing::Test {
 protected:
  CheckpointStoreTest() : optimizer({.momentum = 0.9}, replica.network(), replica.layout()) {}

  void save(CheckpointStore& store, std::uint64_t step) {
    replica.parameters()[0] = static_cast<float>(step);
    CheckpointInfo info;
    info.step = step;
    store.save(info, replica, view_of(replica, optimizer));
  }
  std::string link(const std::string& name) const { return fs::read_symlink(directory / name).string(); }

  TemporaryDirectory directory;
  FakeReplica replica;
  Optimizer optimizer;
};

TEST_F(CheckpointStoreTest, NamesFilesByStepAndKeepsTheNewest) {
  CheckpointStore store(directory.path(), {.keep_last = 2});

  for (const std::uint64_t step : {5, 10, 1000000000, 12}) save(store, step);

  EXPECT_THAT(store.steps(), ElementsAre(12, 1000000000));
  EXPECT_TRUE(fs::exists(directory / "step-000000012.h5"));
  EXPECT_EQ(link("latest"), "step-000000012.h5");
}

TEST_F(CheckpointStoreTest, KeepsTheBestBesideTheNewest) {
  CheckpointStore store(directory.path(), {.keep_last = 1});

  save(store, 1);
  store.mark_best(1);
  save(store, 2);
  save(store, 3);

  EXPECT_THAT(store.steps(), ElementsAre(1, 3));
  EXPECT_EQ(link("best"), "step-000000001.h5");

  store.mark_best(3);

  EXPECT_THAT(store.steps(), ElementsAre(3));
}

TEST_F(CheckpointStoreTest, KeepsEveryMthForEver) {
  CheckpointStore store(directory.path(), {.keep_last = 1, .periods = {0, 4, 10}});

  for (const std::uint64_t step : {2, 4, 6, 8, 10, 11, 13}) save(store, step);

  EXPECT_THAT(store.steps(), ElementsAre(4, 8, 10, 13));
}

TEST_F(CheckpointStoreTest, SetsAsideWhatIsLaterThanTheStepThatTheRunGoesOnFrom) {
  CheckpointStore store(directory.path(), {.keep_last = 5});
  for (const std::uint64_t step : {1, 2, 3, 4}) save(store, step);
  store.mark_best(3);

  store.rewind(2, 1);

  EXPECT_THAT(store.steps(), ElementsAre(1, 2));
  EXPECT_TRUE(fs::exists(directory / "step-000000003.h5.set-aside"));
  EXPECT_EQ(link("latest"), "step-000000002.h5");
  EXPECT_EQ(link("best"), "step-000000001.h5");

  store.rewind(0, 0);

  EXPECT_THAT(store.steps(), testing::IsEmpty());
  EXPECT_FALSE(fs::is_symlink(directory / "latest"));
  EXPECT_FALSE(fs::is_symlink(directory / "best"));
}

/// Everything that can lie where a checkpoint should.
TEST_F(CheckpointStoreTest, SkipsWhatCannotBeUsedWithALineForEach) {
  CheckpointStore store(directory.path(), {.keep_last = 9});
  for (const std::uint64_t step : {1, 2, 3, 4}) save(store, step);
  std::string damaged = read_file(store.path_of(2));
  damaged[damaged.size() / 2] ^= 1;
  write_file(store.path_of(2), damaged);
  fs::resize_file(store.path_of(3), 5000);
  write_file(store.path_of(4), "");
  fs::create_directory(store.path_of(5));
  fs::create_symlink("gone.h5", store.path_of(6));
  Network other = small_network();
  other.layers[2].parameters[0].extents = {64, 5};
  FakeReplica foreign(other);
  Optimizer foreign_optimizer({.momentum = 0.9}, foreign.network(), foreign.layout());
  store.save({.step = 7}, foreign, view_of(foreign, foreign_optimizer));
  write_file(store.path_of(8) + ".partial", "half");

  testing::internal::CaptureStderr();
  const auto info = store.load_newest(replica, optimizer);
  const std::string said = testing::internal::GetCapturedStderr();

  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->step, 1u);
  EXPECT_EQ(replica.parameters()[0], 1.0f);
  for (const char* line :
       {"step-000000007.h5: does not fit the network", "step-000000006.h5: cannot be read (No such file",
        "step-000000005.h5: cannot be read (Is a directory)", "step-000000004.h5: has only 0 bytes",
        "step-000000003.h5: has no checksum at its end", "step-000000002.h5: is damaged"})
    EXPECT_THAT(said, HasSubstr(std::string("skipped a checkpoint that cannot be used: ") + directory.path() +
                                "/" + line));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 6);
}

TEST_F(CheckpointStoreTest, MarksOnlyWhatIsThere) {
  CheckpointStore store(directory.path(), {.keep_last = 1});

  EXPECT_THROW(store.mark_best(4), std::logic_error);
}

TEST_F(CheckpointStoreTest, LoadsTheNewest) {
  CheckpointStore store(directory.path(), {.keep_last = 3});
  save(store, 1);
  save(store, 2);
  replica.parameters()[0] = 0;

  const auto info = store.load_newest(replica, optimizer);

  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->step, 2u);
  EXPECT_EQ(replica.parameters()[0], 2.0f);
}

TEST_F(CheckpointStoreTest, FallsBackToAnOlderOneAndSaysWhy) {
  CheckpointStore store(directory.path(), {.keep_last = 3});
  save(store, 1);
  save(store, 2);
  fs::resize_file(store.path_of(2), fs::file_size(store.path_of(2)) - 100);

  testing::internal::CaptureStderr();
  const auto info = store.load_newest(replica, optimizer);
  const std::string said = testing::internal::GetCapturedStderr();

  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->step, 1u);
  EXPECT_EQ(replica.parameters()[0], 1.0f);
  EXPECT_THAT(said, AllOf(HasSubstr("warning"), HasSubstr("step-000000002.h5"), HasSubstr("truncated")));
}

TEST_F(CheckpointStoreTest, NothingThereIsNotAnError) {
  const CheckpointStore store(directory / "not_made_yet", {.keep_last = 3});

  EXPECT_FALSE(store.load_newest(replica, optimizer).has_value());
}

TEST_F(CheckpointStoreTest, NothingUsableIsAnError) {
  CheckpointStore store(directory.path(), {.keep_last = 3});
  save(store, 1);
  write_file(store.path_of(1), "no checkpoint");

  testing::internal::CaptureStderr();
  const std::string message = message_of<DataError>([&] { store.load_newest(replica, optimizer); });
  testing::internal::GetCapturedStderr();

  EXPECT_THAT(message, AllOf(HasSubstr(directory.path()), HasSubstr("none of the 1 checkpoints")));
}

TEST_F(CheckpointStoreTest, GoingOnRemovesWhatAKilledProcessWasWriting) {
  CheckpointStore store(directory.path(), {.keep_last = 1});
  save(store, 7);
  write_file(directory / "step-000000009.h5.partial", "half");

  store.rewind(7, 0);

  EXPECT_FALSE(fs::exists(directory / "step-000000009.h5.partial"));
  EXPECT_THAT(store.steps(), ElementsAre(7));
}

TEST_F(CheckpointStoreTest, RemovesAbandonedFilesAndLeavesForeignOnes) {
  write_file(directory / "step-000000003.h5.partial", "half");
  write_file(directory / "step-3.h5", "not ours");
  write_file(directory / "notes.txt", "mine");
  CheckpointStore store(directory.path(), {.keep_last = 1});

  save(store, 7);

  EXPECT_FALSE(fs::exists(directory / "step-000000003.h5.partial"));
  EXPECT_TRUE(fs::exists(directory / "step-3.h5"));
  EXPECT_TRUE(fs::exists(directory / "notes.txt"));
  EXPECT_THAT(store.steps(), ElementsAre(7));
}

}  // namespace
}  // namespace annulus::trainer
