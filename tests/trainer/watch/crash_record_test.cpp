// Crash records: what they say, who is believed to have failed, who speaks, and what a new start clears.
#include "trainer/watch/crash_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "tests/trainer/temporary_directory.hpp"
#include "trainer/watch/crash_signals.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

WatchState state_of_rank(int rank) {
  Party party{.rank = rank, .start = 1, .identities = {}};
  party.identities.assign(2, own_identity("here"));
  return {party, {}, {"annulus", "train"}};
}

TEST(CrashRecord, SaysWhatTheRankWasAt) {
  const TemporaryDirectory folder;
  const WatchState state = state_of_rank(1);
  const Activity activity(Phase::checkpoint, "step-12.h5");
  note_step(12);

  ASSERT_TRUE(
      write_crash_record(folder.path(), state,
                         {.message = "disk \xff full", .exit_code = 1, .origin = 1, .signs = vital_signs()}));
  const auto json = nlohmann::json::parse(read_file(folder / "rank-1.json"));

  EXPECT_EQ(json["phase"], "checkpoint");
  EXPECT_EQ(json["step"], 12);
  EXPECT_EQ(json["text"], "step-12.h5");
  EXPECT_EQ(json["host"], "here");
  EXPECT_EQ(json["recent"].back()["text"], "step-12.h5");
  EXPECT_EQ(json["command_line"][1], "train");
}

TEST(CrashRecord, OnlyAFailureOfItsOwnCountsAsOne) {
  const TemporaryDirectory folder;
  write_crash_record(folder.path(), state_of_rank(0),
                     {.message = "rank 1 is dead", .exit_code = 71, .origin = 1, .signs = {}});
  write_crash_record(folder.path(), state_of_rank(1),
                     {.message = "no memory", .exit_code = 1, .origin = 1, .signs = {}});
  write_file(folder / "rank-2.json", "{\"rank\": 2, \"orig");
  write_file(folder / "rank-3.json", "{\"rank\": -1, \"origin\": -1, \"message\": 4}");
  write_file(folder / "rank-4.json", "{\"rank\": 4294967300, \"origin\": 4294967300, \"message\": \"far\"}");
  ASSERT_EQ(mkfifo((folder / "rank-5.json").c_str(), 0600), 0);  // would hold up who opens it

  EXPECT_EQ(read_failures(folder.path()), (std::map<int, std::string>{{1, "no memory"}}));
}

TEST(CrashRecord, OneRankSpeaks) {
  const TemporaryDirectory folder;

  EXPECT_TRUE(claim_origin(folder.path(), 1));
  EXPECT_FALSE(claim_origin(folder.path(), 0));
  EXPECT_TRUE(claim_origin(folder / "missing", 0)) << "told twice is better than not at all";
}

TEST(CrashRecord, ANewStartKeepsTheLastOnesAside) {
  const TemporaryDirectory folder;
  fs::create_directories(folder / "crash");
  fs::create_directories(folder / "heartbeats");
  for (const char* start : {"first", "second"}) {
    write_file(folder / "crash/rank-0.json", start);
    write_file(folder / "crash/origin", start);
    write_file(folder / "heartbeats/rank-7.json", start);
    clear_traces(folder.path());
  }

  EXPECT_EQ(read_file(folder / "crash/earlier/rank-0.json"), "second");
  EXPECT_FALSE(fs::exists(folder / "crash/origin"));
  EXPECT_FALSE(fs::exists(folder / "crash/rank-0.json"));
  EXPECT_FALSE(fs::exists(folder / "heartbeats/rank-7.json"));
  EXPECT_TRUE(fs::is_directory(folder / "heartbeats"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those catch these signals themselves
TEST(CrashSignals, LeaveALineARecordAndTheirOwnExitCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string folder = (fs::path(testing::TempDir()) / "annulus-crash-signals").string();
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto crash = [&] {
    catch_crash_signals("n2", 3);
    set_crash_files({.folder = folder, .host = "n2", .rank = 3, .ranks = 4});
    const Activity activity(Phase::update, "with \"quotes\"\n\x1b[31mnaïve");
    note_step(7);
    raise(SIGSEGV);
  };

  EXPECT_EXIT(
      crash(), testing::KilledBySignal(SIGSEGV),
      "error: rank 3 on host n2 .* was ended by SIGSEGV .* at step 7, phase 'update' .with .quotes.[?][?].31mnaïve");

  const auto json = nlohmann::json::parse(read_file(folder + "/rank-3.json"));
  EXPECT_EQ(json["exit_code"], 139);
  EXPECT_EQ(json["step"], 7);
  EXPECT_EQ(json["recent"].back()["phase"], "update");
  EXPECT_EQ(read_failures(folder).count(3), 1U);
  EXPECT_FALSE(read_file(folder + "/rank-3.backtrace").empty());
  EXPECT_FALSE(claim_origin(folder, 0)) << "the dying rank has spoken";
  fs::remove_all(folder);
}

TEST(CrashSignals, OneBeforeTheRunIsOpenNamesHostAndRank) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto crash = [] {
    catch_crash_signals("n7", 5);
    raise(SIGBUS);
  };

  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGBUS),
              "rank 5 on host n7 .*SIGBUS.*/dev/shm.*data.resident_mb");
}
#endif

}  // namespace
}  // namespace annulus::trainer
