// One job at a time in a run directory.
#include "trainer/run/claim.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/watch/heartbeat.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class RunClaimTest : public testing::Test {
 protected:
  std::string refusal() const {
    return message_of<UsageError>([&] { RunClaim{run.path()}; });
  }
  std::string refusal_of(Patience patience) const {
    return message_of<UsageError>([&] { await_unclaimed(run.path(), patience); });
  }

  const TemporaryDirectory run;
};

TEST_F(RunClaimTest, RefusesASecondOneAndNamesTheFirst) {
  const RunClaim first(run.path());

  const auto names_it =
      AllOf(HasSubstr(run.path() + " is in use by process " + std::to_string(getpid()) + " on host "),
            HasSubstr(host_name()), HasSubstr("--run"), HasSubstr(run / "lock"));
  EXPECT_THAT(refusal(), names_it);
  EXPECT_THAT(refusal_of({.here_seconds = 0.1, .elsewhere_seconds = 60}), names_it);
}

TEST_F(RunClaimTest, EndsWithItsOwner) {
  std::optional<RunClaim> first(run.path());
  EXPECT_THAT(refusal(), HasSubstr("is in use"));

  first.reset();

  EXPECT_THAT(refusal(), IsEmpty());
  EXPECT_THAT(refusal_of({.here_seconds = 0, .elsewhere_seconds = 0}), IsEmpty());
}

TEST_F(RunClaimTest, AJobThatIsEndingIsWaitedFor) {
  std::optional<RunClaim> first(run.path());
  std::atomic<bool> over{false};
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    over = true;
    first.reset();
  });

  EXPECT_THAT(refusal_of({.here_seconds = 60, .elsewhere_seconds = 0}), IsEmpty());
  EXPECT_TRUE(over);
  ending.join();
}

TEST_F(RunClaimTest, AJobOnAnotherHostIsWaitedForLonger) {
  const RunClaim first(run.path());
  std::optional<Heartbeat> holder = parse_heartbeat(read_file(run / "lock"));
  ASSERT_TRUE(holder);
  holder->host = "n7";
  holder->text = "SLURM job 45";
  ++holder->place;
  write_file(run / "lock", to_line(*holder));

  EXPECT_THAT(refusal_of({.here_seconds = 60, .elsewhere_seconds = 0.1}),
              HasSubstr("on host n7 (SLURM job 45)"));
}

TEST_F(RunClaimTest, WhatElseIsInTheFileDoesNotMatter) {
  write_file(run / "lock", "{]");
  const RunClaim first(run.path());
  write_file(run / "lock", std::string(100, '\0'));

  EXPECT_THAT(refusal(), HasSubstr("in use by another process"));
}

TEST_F(RunClaimTest, WritesThroughNoLink) {
  write_file(run / "precious", "mine");
  std::filesystem::create_symlink("precious", run / "lock");

  EXPECT_THAT(message_of<RuntimeError>([&] { RunClaim{run.path()}; }), HasSubstr("symbolic link"));
  EXPECT_EQ(read_file(run / "precious"), "mine");
}

TEST(AwaitUnclaimed, MakesNothing) {
  const TemporaryDirectory folder;

  await_unclaimed(folder / "run");

  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

}  // namespace
}  // namespace annulus::trainer
