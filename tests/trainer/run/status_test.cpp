// What is said about a run, from files that may be half-written, stale or missing.
#include "trainer/run/status.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

class RunStatusTest : public testing::Test {
 protected:
  RunStatusTest() {
    write_file(folder_ / "config.yaml", "seed: 1\n");
    fs::create_directories(folder_ / "heartbeats");
    fs::create_directories(folder_ / "crash");
  }
  /// A heartbeat of this very process, which is alive.
  static Heartbeat alive(int rank) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const ProcessIdentity me = own_identity(host);
    Heartbeat beat;
    beat.start = 3;
    beat.rank = rank;
    beat.ranks = 2;
    beat.host = host;
    beat.process = me.process;
    beat.process_started = me.started;
    beat.place = me.place;
    beat.step = 7;
    beat.total_steps = 27;
    beat.steps_per_epoch = 9;
    beat.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    return beat;
  }
  void write(const Heartbeat& beat) const {
    write_file(heartbeat_file(folder_.path() + "/heartbeats", beat.rank).string(), to_line(beat));
  }
  RunStatus status() const { return read_run_status(folder_.path()); }

  TemporaryDirectory folder_;
};

TEST_F(RunStatusTest, OfARunningJob) {
  write(alive(0));
  Heartbeat other = alive(1);
  other.waiting = true;
  write(other);
  write_file(folder_ / "metrics.jsonl",
             "cut off\": 3}\n"
             R"({"kind":"event","step":0,"time":10,"text":"started"})"
             "\n"
             R"({"kind":"step","step":2,"epoch":0,"time":100,"loss":2,"accuracy":0.1,"images_per_second":90})"
             "\n"
             R"({"kind":"epoch","step":3,"validation_accuracy":0.3})"
             "\n"
             R"({"kind":"step","step":7,"epoch":1,"time":101,"loss":1,"accuracy":0.2,"images_per_second":95})"
             "\n"
             R"({"kind":"step","step":8,)");

  const RunStatus run = status();

  EXPECT_EQ(run.state, "running");
  EXPECT_EQ(run.step, 7U);
  EXPECT_EQ(run.total_steps, 27U);
  EXPECT_EQ(run.rank_status.at(0).condition, "working");
  EXPECT_EQ(run.rank_status.at(1).condition, "waiting");
  EXPECT_EQ(run.figures.loss, 1.0);
  EXPECT_EQ(run.figures.validation_accuracy, 0.3);
  EXPECT_EQ(run.seconds_left, 4.0);  // 20 steps at 5 a second
}

TEST_F(RunStatusTest, FindsTopAccuraciesWhateverTheirNumber) {
  const LastFigures figures = last_figures(
      R"({"kind":"epoch","step":3,"top_5_accuracy":0.2,"validation_accuracy":0.3,"validation_top_5_accuracy":0.6})"
      "\n"
      R"({"kind":"step","step":7,"loss":1,"top_x_accuracy":0.9,"top_7_recall":0.9,"top_10_accuracy":0.5})");

  ASSERT_TRUE(figures.top && figures.validation_top);
  EXPECT_EQ(figures.top->k, 10);
  EXPECT_EQ(figures.top->share, 0.5);
  EXPECT_EQ(figures.validation_top->k, 5);
  EXPECT_EQ(figures.validation_top->share, 0.6);
  EXPECT_FALSE(last_figures(R"({"kind":"step","step":7,"loss":1})").top);
}

TEST_F(RunStatusTest, TellsAFinishedJobFromADeadOne) {
  Heartbeat ended = alive(0);
  ended.state = RankState::ended;
  ended.exit_code = 75;
  Heartbeat dead = alive(1);
  dead.process_started -= 1;  // that process is gone; its number belongs to another one now
  write(ended);
  write(dead);
  EXPECT_EQ(status().state, "died");
  EXPECT_EQ(status().rank_status.at(1).condition, "dead");

  dead.state = RankState::ended;
  dead.exit_code = 75;
  write(dead);
  EXPECT_EQ(status().state, "stopped");
  EXPECT_EQ(status().exit_code, 75);
}

TEST_F(RunStatusTest, ShowsWhatACrashedRankSaid) {
  Heartbeat dead = alive(1);
  dead.process_started -= 1;
  write(alive(0));
  write(dead);
  write_file(folder_ / "crash/rank-1.json", R"({"rank":1,"origin":1,"message":"no memory"})");

  EXPECT_EQ(status().rank_status.at(1).condition, "failed");
  EXPECT_EQ(status().rank_status.at(1).failure, "no memory");
}

TEST_F(RunStatusTest, AHeartbeatOfTheFutureHasNoAge) {
  Heartbeat here = alive(0);
  here.time += 34559999;  // the clock was set back
  Heartbeat far = here;
  far.rank = 1;
  far.place += 1;
  write(here);
  write(far);

  const RunStatus run = status();

  EXPECT_FALSE(run.rank_status.at(0).age_seconds);
  EXPECT_EQ(run.rank_status.at(0).condition, "working") << "of this host the system knows";
  EXPECT_EQ(run.rank_status.at(1).condition, "unclear");
  Heartbeat ahead = alive(0);
  ahead.time += 1;  // clocks of two hosts
  write(ahead);
  EXPECT_EQ(status().rank_status.at(0).age_seconds, 0.0);
}

TEST_F(RunStatusTest, ARankElsewhereIsJudgedByItsHeartbeat) {
  Heartbeat far = alive(0);
  far.place += 1;
  write(far);
  EXPECT_EQ(status().rank_status.at(0).condition, "working");

  far.time -= 40;
  write(far);
  EXPECT_EQ(status().rank_status.at(0).condition, "silent");
  EXPECT_EQ(status().state, "died");
}

TEST_F(RunStatusTest, RanksOfAnEarlierStartDoNotCount) {
  write(alive(0));
  Heartbeat old = alive(1);
  old.start = 2;
  write(old);

  EXPECT_EQ(status().rank_status.size(), 1U);
}

TEST_F(RunStatusTest, RanksOfAStartThatRankZeroHasNotSeenDoNotCount) {
  write(alive(0));
  Heartbeat other = alive(1);
  other.start = 4;
  write(other);

  EXPECT_EQ(status().rank_status.size(), 1U);
}

TEST_F(RunStatusTest, AFolderThatIsNoRunIsRefused) {
  fs::remove(folder_ / "config.yaml");

  EXPECT_THAT(message_of<UsageError>([&] { status(); }), testing::HasSubstr("is not a run directory"));
}

TEST_F(RunStatusTest, ARunWithoutHeartbeatsHasNotStarted) { EXPECT_EQ(status().state, "not started"); }

}  // namespace
}  // namespace annulus::trainer
