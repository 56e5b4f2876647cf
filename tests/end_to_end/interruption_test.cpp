// A run that is interrupted from outside: what was asked for is saved, what was lost is bounded, nobody
// stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> kPlan{"epochs=40", "checkpoint.every_epochs=0", "checkpoint.keep_best=false"};

class StopSignal : public testing::TestWithParam<int> {};

TEST_P(StopSignal, LeavesACheckpointFromWhichTheRunGoesOn) {
  const Workplace place(330);
  ASSERT_EQ(place.run(place.training("whole", kPlan)).code, 0);

  Process first = place.start(place.training("parts", kPlan));
  ASSERT_TRUE(place.has_started("parts"));
  first.signal(GetParam());
  const Outcome stopped = first.wait();
  const Outcome resumed = place.run(place.training("parts", kPlan));

  EXPECT_EQ(stopped.code, 75) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("Start the same command again to go on"));
  EXPECT_THAT(stopped.output, HasSubstr(std::string("stopped on request: SIG") + sigabbrev_np(GetParam())));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resumed in parts after step"));
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
  EXPECT_THAT(place.unfinished(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Signals, StopSignal, testing::Values(SIGINT, SIGTERM, SIGUSR2, SIGHUP, SIGXCPU));

/// Whether every process of the program handles or ignores a signal by now.
bool is_prepared_for(int number, const Workplace& place) {
  const std::vector<pid_t> programs = place.processes("annulus");
  return !programs.empty() && std::ranges::all_of(programs, [number](pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    std::uint64_t prepared = 0;
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigIgn:") || line.starts_with("SigCgt:"))
        prepared |= std::stoull(line.substr(8), nullptr, 16);
    return (prepared >> (number - 1) & 1) != 0;
  });
}

TEST(Interruption, CountsBeforeMpiHasStarted) {
  const Workplace place(330);
  Process job = place.start(place.training("run", kPlan));

  while (!is_prepared_for(SIGTERM, place)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const bool started = std::filesystem::exists(place.path("run"));
  job.signal(SIGUSR1);

  EXPECT_EQ(job.wait().code, 75);
  EXPECT_FALSE(started);
}

/// A shell's words for a training of the smoke config.
std::string training(const std::string& more) {
  return "\"$ANNULUS\" train " + source_dir() + "/configs/smoke.yaml data.path=data.h5 --run run " +
         "checkpoint.every_epochs=0 checkpoint.keep_best=false " + more;
}

TEST(Interruption, AReaderOfTheOutputThatGoesAwayEndsNothing) {
  const Workplace place(330);

  const Outcome piped = place.shell("{ " + training("epochs=20") + " 2>&1; echo $? >code; } | head -n 1");

  EXPECT_EQ(piped.code, 0);
  std::ifstream file(place.path("code"));
  int code = -1;
  file >> code;
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(std::filesystem::exists(place.path("run/checkpoints/latest")));
}

TEST(Interruption, WhatWasIgnoredAtTheStartIsNoRequest) {
  const Workplace place(330);

  // A shell without job control starts `COMMAND &` with SIGINT ignored; nohup ignores SIGHUP.
  const Outcome outcome = place.shell(
      "nohup " + training("epochs=4000 optimizer.learning_rate=1e-6") +
      " >log 2>&1 & job=$!\n"
      "until grep -q step run/metrics.jsonl 2>/dev/null; do kill -0 $job || exit 1; sleep 0.02; done\n"
      "kill -INT $job; kill -HUP $job\n"
      "seen=$(wc -l <run/metrics.jsonl)\n"
      "until test $(wc -l <run/metrics.jsonl) -gt $((seen + 3)); do kill -0 $job || exit 1; sleep 0.02; done\n"
      "kill -TERM $job; wait $job");

  EXPECT_EQ(outcome.code, 75);
  EXPECT_THAT(place.metrics("run").back()["text"], HasSubstr("SIGTERM"));
}

TEST(Interruption, ALimitOfCpuTimeLeavesACheckpoint) {
  const Workplace place(330);

  const Outcome outcome =
      place.shell("ulimit -t 3; exec " + training("epochs=100000 optimizer.learning_rate=1e-6"));

  EXPECT_EQ(outcome.code, 75) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("stopped on request: SIGXCPU (the limit of CPU time"));
  EXPECT_TRUE(std::filesystem::exists(place.path("run/checkpoints/latest")));
}

TEST(Interruption, AStopOfOneRankNamesItAndTheSignal) {
  const Workplace place(330);
  Process job = place.start(place.training("run", kEndless), 2);
  ASSERT_TRUE(place.has_started("run"));
  for (const pid_t process : place.processes("annulus")) {
    std::ifstream file("/proc/" + std::to_string(process) + "/environ");
    std::string environment{std::istreambuf_iterator<char>(file), {}};
    std::ranges::replace(environment, '\0', '\n');
    if (environment.find("\nOMPI_COMM_WORLD_RANK=1\n") != std::string::npos) ::kill(process, SIGUSR1);
  }
  const Outcome outcome = job.wait();

  EXPECT_THAT(outcome.output, HasSubstr("stopped on request: SIGUSR1, sent to rank 1"));
}

TEST(Interruption, CtrlCOnMpirunLeavesACheckpoint) {
  const Workplace place(330);
  const std::string words = source_dir() + "/configs/smoke.yaml data.path=data.h5 --run run";

  // mpirun hands SIGTERM on, kills a second later (its default), and ends with a code of its own.
  const Outcome outcome = place.shell(
      "OMPI_MCA_odls_base_sigkill_timeout=1 $MPIRUN -n 2 \"$ANNULUS\" train " + words +
      " epochs=4000 optimizer.learning_rate=1e-6 checkpoint.every_epochs=0 & job=$!\n"
      "until grep -q step run/metrics.jsonl 2>/dev/null; do kill -0 $job || exit 1; sleep 0.02; done\n"
      "kill -TERM $job; wait $job");

  EXPECT_NE(outcome.code, 0);
  EXPECT_TRUE(std::filesystem::exists(place.path("run/checkpoints/latest")));
  EXPECT_EQ(place.metrics("run").back()["kind"], "event");
  EXPECT_THAT(place.metrics("run").back()["text"], HasSubstr("stopped on request: SIG"));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_THAT(place.left_behind(), IsEmpty());
}

TEST(Interruption, AJobStartedTwiceInOneRunDirectoryIsRefusedTheSecondTime) {
  const Workplace place(330);
  Process job = place.start(place.training("run", kEndless));
  ASSERT_TRUE(place.has_started("run"));

  const Outcome second = place.run(place.training("run", kEndless), 2);
  job.signal(SIGTERM);

  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(second.output, HasSubstr("the run directory run is in use by process"));
  EXPECT_EQ(job.wait().code, 75) << "the first one does not notice";
}

TEST(Interruption, KilledRankTakesTheOthersAlong) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=20", "checkpoint.every_steps=7"};
  const Outcome whole = place.run(place.training("whole", plan));
  ASSERT_EQ(whole.code, 0) << whole.output;

  Process job = place.start(place.training("killed", plan), 2);
  ASSERT_TRUE(place.has_started("killed"));
  const std::vector<pid_t> ranks = place.processes("annulus");
  ASSERT_EQ(ranks.size(), 2U);
  const auto killed_at = std::chrono::steady_clock::now();
  ::kill(ranks.back(), SIGKILL);
  const Outcome outcome = job.wait();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - killed_at;

  EXPECT_NE(outcome.code, 0) << outcome.output;
  EXPECT_LT(took.count(), 10.0);
  EXPECT_THAT(place.left_behind(), IsEmpty());
  const Outcome resumed = place.run(place.training("killed", plan));
  ASSERT_EQ(resumed.code, 0) << outcome.output << resumed.output;
  EXPECT_EQ(place.state_hash("killed"), place.state_hash("whole"));
}

}  // namespace
}  // namespace annulus::test
