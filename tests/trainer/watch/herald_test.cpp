// The sign of life of a rank: what it says and when, and that a disk which does not answer holds nobody up.
#include "trainer/watch/herald.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "base/vital_signs.hpp"
#include "io/files/descriptor.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Asks again and again, for ten seconds at most. @return the first answer that is one
template <class Ask>
auto wait_for(Ask&& ask) {
  const double limit = steady_seconds() + 10;
  auto answer = ask();
  while (!answer && steady_seconds() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    answer = ask();
  }
  return answer;
}

class HeraldTest : public testing::Test {
 protected:
  HeraldTest() { std::filesystem::create_directories(folder_ / "heartbeats"); }

  static std::shared_ptr<WatchState> state_of(int rank, int ranks) {
    Party party{.rank = rank, .start = 17, .identities = {}};
    for (int other = 0; other < ranks; ++other) party.identities.push_back(own_identity("here"));
    return std::make_shared<WatchState>(party, WatchdogConfig{}, std::vector<std::string>{"annulus"});
  }
  std::string file(int rank) const { return heartbeat_file(folder_ / "heartbeats", rank).string(); }
  std::optional<Heartbeat> beat(int rank = 0) const { return parse_heartbeat(read_file(file(rank))); }

  TemporaryDirectory folder_;
};

TEST_F(HeraldTest, SaysWhatTheProcessIsAtAndWhen) {
  const auto state = state_of(2, 4);
  state->quiet_seconds = 3.5;
  state->set_run(folder_.path());
  note_step(7);
  const Activity validating(Phase::validation, "block 3");
  const double before = unix_time();

  const Herald herald(state);
  const auto heard = wait_for([&] { return beat(2); });

  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->start, 17u);
  EXPECT_EQ(heard->rank, 2);
  EXPECT_EQ(heard->ranks, 4);
  EXPECT_EQ(heard->host, "here");
  EXPECT_EQ(heard->process, ::getpid());
  EXPECT_EQ(heard->phase, Phase::validation);
  EXPECT_EQ(heard->text, "block 3");
  EXPECT_EQ(heard->step, 7u);
  EXPECT_EQ(heard->quiet_seconds, 3.5);
  EXPECT_EQ(heard->state, RankState::running);
  EXPECT_THAT(heard->time, AllOf(Ge(before - 0.01), Le(unix_time() + 0.01)));
}

TEST_F(HeraldTest, GoesOnSoThatOldAgeMeansSomething) {
  const auto state = state_of(0, 1);
  state->set_run(folder_.path());
  const Herald herald(state);
  const auto first = wait_for([&] { return beat(); });
  ASSERT_TRUE(first);

  const auto next = wait_for([&]() -> std::optional<Heartbeat> {
    const auto now = beat();
    return now && now->beats > first->beats ? now : std::nullopt;
  });

  ASSERT_TRUE(next);
  EXPECT_EQ(next->beats, first->beats + 1);
  EXPECT_GE(next->time, first->time + 0.9);  // no oftener, or many ranks would be a burden
}

TEST_F(HeraldTest, IsSilentUntilThereIsARun) {
  const auto state = state_of(0, 1);
  const Herald herald(state);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // two looks
  EXPECT_FALSE(std::filesystem::exists(file(0)));

  state->set_run(folder_.path());

  EXPECT_TRUE(wait_for([&] { return beat(); }));
}

TEST_F(HeraldTest, HurriesWhenTheStateChanges) {
  const auto state = state_of(0, 1);
  state->set_run(folder_.path());
  Herald herald(state);
  const auto first = wait_for([&] { return beat(); });
  ASSERT_TRUE(first);
  state->state = RankState::failed;
  state->exit_code = 65;

  herald.hurry();
  const auto heard = wait_for([&]() -> std::optional<Heartbeat> {
    const auto now = beat();
    return now && now->state == RankState::failed ? now : std::nullopt;
  });

  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->exit_code, 65);
  EXPECT_LT(heard->time, first->time + 0.9);  // before its turn
}

TEST_F(HeraldTest, TheLastOneSaysHowItEnded) {
  const auto state = state_of(0, 1);
  state->set_run(folder_.path());
  {
    const Herald herald(state);
    ASSERT_TRUE(wait_for([&] { return beat(); }));
    state->state = RankState::ended;
    state->exit_code = 75;
  }

  const auto last = beat();

  ASSERT_TRUE(last);
  EXPECT_EQ(last->state, RankState::ended);
  EXPECT_EQ(last->exit_code, 75);
}

TEST_F(HeraldTest, ReadsTheOthersWhenTheyMatterAndNotBefore) {
  write_file(file(0), to_line({.start = 17, .rank = 0, .ranks = 2, .host = "there", .step = 41}));
  const auto state = state_of(1, 2);
  state->set_run(folder_.path());
  const Herald herald(state);
  ASSERT_TRUE(wait_for([&] { return beat(1); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // two looks
  EXPECT_FALSE(state->peers.heartbeats().contains(0));

  state->wants_peers = true;

  EXPECT_TRUE(wait_for([&] { return state->peers.heartbeats().contains(0); }));
  EXPECT_EQ(state->peers.heartbeats().at(0).step, 41u);
}

/// A file that whoever opens it waits for, as on a server that does not answer: the system makes them wait
/// until a lease is given back.
class HangingFile {
 public:
  explicit HangingFile(const std::string& path)
      : before_(std::signal(SIGIO, SIG_IGN)), file_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
    holds_ = file_ && fcntl(file_.get(), F_SETLEASE, F_WRLCK) == 0;
  }
  ~HangingFile() {
    if (holds_) fcntl(file_.get(), F_SETLEASE, F_UNLCK);
    std::signal(SIGIO, before_);
  }
  HangingFile(const HangingFile&) = delete;
  HangingFile& operator=(const HangingFile&) = delete;

  bool holds() const { return holds_; }
  bool somebody_waits() const { return fcntl(file_.get(), F_GETLEASE) != F_WRLCK; }

 private:
  void (*before_)(int);
  io::Descriptor file_;
  bool holds_ = false;
};

TEST_F(HeraldTest, ADiskThatDoesNotAnswerHoldsNobodyUp) {
  const HangingFile hanging(file(0));
  if (!hanging.holds()) GTEST_SKIP() << "this file system has no leases, so that nothing can be made to hang";
  const auto state = state_of(0, 1);
  state->set_run(folder_.path());
  std::optional<Herald> herald(state);
  ASSERT_TRUE(wait_for([&] { return hanging.somebody_waits(); }));

  const double began = steady_seconds();
  herald->hurry();
  const double hurried = steady_seconds();
  herald.reset();
  const double gone = steady_seconds();

  EXPECT_LT(hurried - began, 1);
  EXPECT_LT(gone - hurried, 10);          // two seconds, on a busy machine more; the lease lasts for 45
  EXPECT_TRUE(hanging.somebody_waits());  // still
}

}  // namespace
}  // namespace annulus::trainer
