// Run directories: what is made, what is taken over, what is refused.
#include "trainer/run/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  static RunStart start(const std::vector<std::string>& differences = {}) {
    return {.config = "seed: 1\n",
            .environment = {.command_line = {"annulus", "train", "x.yaml"},
                            .hosts = {"node1", "node2"},
                            .devices = {"cpu", "cpu"},
                            .libraries = {{"MPI", "Open MPI 4"}},
                            .bucket_kb = 512,
                            .bucket_origin = "measured"},
            .differences = [=](const std::string&) {
              return Refusal{differences, "; or add --allow-change"};
            }};
  }
  nlohmann::json environment() const {
    return nlohmann::json::parse(read_file((run.environment()).string()));
  }

  TemporaryDirectory directory;
  RunDirectory run{directory / "runs/first"};
};

TEST_F(RunDirectoryTest, MakesEverything) {
  start_run(run, start());

  EXPECT_EQ(run.stored_config(), "seed: 1\n");
  for (const char* name : {"checkpoints", "logs", "crash", "heartbeats"})
    EXPECT_TRUE(fs::is_directory(run.path() / name)) << name;
  EXPECT_EQ(run.log_file(3).filename(), "rank-3.log");
}

TEST_F(RunDirectoryTest, SaysWhereItRan) {
  start_run(run, start());

  const auto json = environment();
  EXPECT_EQ(json["hosts"], (std::vector<std::string>{"node1", "node2"}));
  EXPECT_EQ(json["command_line"][1], "train");
  EXPECT_EQ(json["libraries"]["MPI"], "Open MPI 4");
  EXPECT_EQ(json["gradient_buckets"]["kb"], 512);
  EXPECT_EQ(json["gradient_buckets"]["origin"], "measured");
  EXPECT_THAT(json["program"].get<std::string>(), HasSubstr("annulus 0."));
  EXPECT_EQ(json["started"].get<std::string>().size(), 20u);  // 2026-01-31T12:00:00Z
}

TEST_F(RunDirectoryTest, RemembersEarlierStarts) {
  for (int i = 0; i < 3; ++i) start_run(run, start());

  const auto json = environment();
  ASSERT_EQ(json["earlier_starts"].size(), 2u);
  EXPECT_EQ(json["earlier_starts"][1]["ranks"], 2);
  EXPECT_FALSE(json["earlier_starts"][1].contains("earlier_starts"));
}

TEST_F(RunDirectoryTest, RefusesAnotherConfiguration) {
  start_run(run, start());
  const std::string before = read_file(run.environment().string());

  const std::string message =
      message_of<UsageError>([&] { start_run(run, start({"batch.size: 64 there, 128 now"})); });

  EXPECT_THAT(message, AllOf(HasSubstr("runs/first"), HasSubstr("batch.size: 64 there, 128 now"),
                             HasSubstr("--run"), testing::EndsWith("; or add --allow-change.")));
  EXPECT_EQ(read_file(run.environment().string()), before);
}

TEST_F(RunDirectoryTest, RefusesADirectoryOfSomethingElse) {
  fs::create_directories(run.path());
  write_file((run.path() / "thesis.tex").string(), "precious");

  EXPECT_THAT(message_of<UsageError>([&] { start_run(run, start()); }), HasSubstr("holds other files"));
}

TEST_F(RunDirectoryTest, TakesAnEmptyDirectoryAndOneThatWasCutShort) {
  fs::create_directories(run.path());
  start_run(run, start());
  fs::remove(run.config());

  start_run(run, start());

  EXPECT_TRUE(run.holds_run());
}

TEST_F(RunDirectoryTest, TakesADirectoryWithTheRecordOfTheJobThatStartsIt) {
  fs::create_directories(run.path());
  write_file((run.path() / kJobRecord).string(), "job 7, starts 1, without progress 0");

  start_run(run, start());

  EXPECT_TRUE(run.holds_run());
}

TEST_F(RunDirectoryTest, RefusesAFile) {
  write_file(directory / "taken", "");

  EXPECT_THAT(message_of<UsageError>([&] { start_run(RunDirectory(directory / "taken"), start()); }),
              HasSubstr("is a file"));
  EXPECT_THAT(message_of<UsageError>([&] { start_run(RunDirectory(directory / "taken/run"), start()); }),
              AllOf(HasSubstr("Not a directory"), HasSubstr("--run")));
}

TEST_F(RunDirectoryTest, WritesThroughNoLinkInside) {
  start_run(run, start());
  fs::create_directories(directory / "elsewhere");
  write_file(directory / "elsewhere/file", "precious");
  for (const char* name :
       {"checkpoints", "logs", "crash", "heartbeats", "logs/rank-0.log", "config.yaml.partial",
        "checkpoints/step-000000005.h5.partial", "events.out.tfevents.1"}) {
    const fs::path link = run.path() / name;
    fs::remove_all(link);
    fs::create_symlink(directory / "elsewhere", link);

    EXPECT_THAT(message_of<UsageError>([&] { start_run(run, start()); }),
                AllOf(HasSubstr(link.string() + " is a symbolic link"), HasSubstr("elsewhere"),
                      HasSubstr("Remove it")));

    fs::remove(link);
    start_run(run, start());
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory / "elsewhere"), {}), 1);
}

TEST_F(RunDirectoryTest, GoesOnWhereAKillLeftALinkHalfReplaced) {
  start_run(run, start());
  for (const char* name : {"latest.partial", "best.partial"})
    fs::create_symlink("step-000000005.h5", run.checkpoints() / name);

  start_run(run, start());

  EXPECT_TRUE(run.holds_run());
}

TEST_F(RunDirectoryTest, MayBeALinkItself) {
  fs::create_directories(directory / "scratch");
  fs::create_symlink(directory / "scratch", directory / "link");
  const RunDirectory linked(directory / "link");

  start_run(linked, start());
  fs::create_symlink("step-000000005.h5", linked.checkpoints() / "latest");
  start_run(linked, start());

  EXPECT_TRUE(RunDirectory(directory / "scratch").holds_run());
}

class CheckRunTest : public RunDirectoryTest {
 protected:
  static constexpr std::uint64_t kBytes = 1000;
  static StoredDifferences differences(const std::vector<std::string>& keys = {}) {
    return [=](const std::string&) { return Refusal{keys, ""}; };
  }
};

TEST_F(CheckRunTest, AcceptsWhatStartsAndMakesNothing) {
  check_run(run, differences(), kBytes);
  EXPECT_FALSE(fs::exists(run.path().parent_path()));

  start_run(run, start());
  check_run(run, differences(), kBytes);
  check_run(RunDirectory("relative/run"), differences(), kBytes);
}

TEST_F(CheckRunTest, RefusesWhatStartingWould) {
  start_run(run, start());
  fs::create_directories(directory / "papers");
  write_file(directory / "papers/thesis.tex", "precious");
  write_file(directory / "taken", "");

  const auto refusal = [&](const fs::path& path) {
    return message_of<UsageError>([&] { check_run(RunDirectory(path), differences({"seed"}), kBytes); });
  };

  EXPECT_THAT(refusal(run.path()), AllOf(HasSubstr("another configuration"), HasSubstr("seed")));
  EXPECT_THAT(refusal(directory / "papers"), HasSubstr("holds other files"));
  EXPECT_THAT(refusal(directory / "taken"), HasSubstr("is a file"));
  EXPECT_THAT(refusal(directory / "taken/deep/run"),
              AllOf(HasSubstr("taken/deep/run cannot be made"), HasSubstr("taken is a file")));
}

TEST_F(CheckRunTest, RefusesWhereNothingCanBeWritten) {
  // Root may write everywhere except where the kernel lets nobody.
  const std::string message =
      message_of<UsageError>([&] { check_run(RunDirectory("/proc/sys/runs/first"), differences(), kBytes); });

  EXPECT_THAT(message, AllOf(HasSubstr("/proc/sys/runs/first cannot be written"), HasSubstr("--run DIR")));
}

TEST_F(CheckRunTest, RefusesADiskWithoutRoomForACheckpoint) {
  constexpr std::uint64_t kMoreThanAnyDisk = std::uint64_t{1} << 62;

  EXPECT_THAT(message_of<RuntimeError>([&] { check_run(run, differences(), kMoreThanAnyDisk); }),
              AllOf(HasSubstr("runs/first"), HasSubstr("MB free"), HasSubstr("checkpoint needs")));
}

TEST_F(RunDirectoryTest, NamesWhatIsNotARun) {
  EXPECT_THAT(message_of<UsageError>([&] { run.stored_config(); }),
              AllOf(HasSubstr("runs/first"), HasSubstr("config.yaml"), HasSubstr("annulus train")));
}

}  // namespace
}  // namespace annulus::trainer
