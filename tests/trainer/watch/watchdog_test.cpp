// The thread that ends a job: of a rank that hangs, of one that fails and does not go, and of one that works.
#include "trainer/watch/watchdog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "base/bounded.hpp"
#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

using std::chrono::seconds;

/// A rank alone whose every phase may be silent for a second.
class WatchdogTest : public testing::Test {
 protected:
  static WatchdogConfig config() {
    return {.least_seconds = 1, .factor = 2, .start_seconds = 1, .save_seconds = 1, .silence_seconds = 5};
  }
  WatchdogTest() {
    std::filesystem::create_directories(folder_ / "crash");
    Party party{.rank = 0, .start = 1, .identities = {own_identity("here")}};
    state_ = std::make_shared<WatchState>(party, config(), std::vector<std::string>{"annulus"});
    state_->set_run(folder_.path());
  }
  /// Does what the real one does: it does not come back, here until the test is over.
  Watchdog::Abort abort() {
    return [this](ExitCode code) {
      code_.set_value(code);
      over_.get_future().wait();
    };
  }
  ~WatchdogTest() override { end(); }
  void end() {
    if (!std::exchange(ended_, true)) over_.set_value();
  }

  TemporaryDirectory folder_;
  std::shared_ptr<WatchState> state_;
  std::promise<ExitCode> code_;
  std::promise<void> over_;
  bool ended_ = false;
};

TEST_F(WatchdogTest, EndsARankThatHangs) {
  const Activity activity(Phase::checkpoint, "a dead disk");
  testing::internal::CaptureStderr();
  Watchdog watchdog(state_, abort());
  auto code = code_.get_future();

  ASSERT_EQ(code.wait_for(seconds(20)), std::future_status::ready);
  EXPECT_EQ(code.get(), ExitCode::watchdog);
  const auto record = nlohmann::json::parse(read_file(folder_ / "crash/rank-0.json"));
  EXPECT_EQ(record["exit_code"], 70);
  EXPECT_EQ(record["text"], "a dead disk");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, testing::HasSubstr("error: rank 0 on host here"));
  EXPECT_THAT(said, testing::HasSubstr("raise watchdog.save_seconds"));
  end();
}

TEST_F(WatchdogTest, LeavesARankAloneThatMakesProgress) {
  const Activity activity(Phase::opening_data);  // its limit is not learned
  Watchdog watchdog(state_, abort());
  auto code = code_.get_future();
  for (int i = 0; i < 18; ++i) {
    note_progress();
    ASSERT_EQ(code.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  }
}

TEST(Bounded, GivesUpWaitingAndNothingElse) {
  EXPECT_TRUE(within(20, [] {}));

  auto release = std::make_shared<std::promise<void>>();
  auto done = std::make_shared<std::promise<void>>();
  EXPECT_FALSE(within(0.05, [release, done] {
    release->get_future().wait();
    done->set_value();
  }));
  release->set_value();
  EXPECT_EQ(done->get_future().wait_for(seconds(20)), std::future_status::ready);
}

}  // namespace
}  // namespace annulus::trainer
