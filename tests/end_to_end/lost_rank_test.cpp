// One rank dies, stops, hangs or fails while the others need it: the job ends soon, with one message that
// names the rank, and nobody stays.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Loss {
  std::string kind;     ///< of --inject
  int code;             ///< of mpirun
  std::string message;  ///< of the error, part of it
  double seconds;       ///< the whole job, at most; generous for a busy machine
};

class LostRank : public testing::TestWithParam<Loss> {
 protected:
  /// Three ranks, of which rank 1 meets with the fault at step 40. A launcher that ends a job gives the
  /// others a second, as it does outside of tests.
  Outcome run(const std::string& more = {}) const {
    return place_.shell(
        "OMPI_MCA_odls_base_sigkill_timeout=1 $MPIRUN -n 3 \"$ANNULUS\" train " + source_dir() +
        "/configs/smoke.yaml data.path=data.h5 --run run epochs=2000 batch.shards=6 batch.size=36 checkpoint.every_epochs=0 checkpoint.every_steps=25 watchdog.least_seconds=1 --inject rank=1,step=40,kind=" +
        GetParam().kind + " " + more);
  }
  /// mpirun does not wait for the processes that it kills.
  bool all_gone() const {
    for (int i = 0; i < 500; ++i) {
      if (place_.processes().empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  /// A process that is being ended counts as running for a moment more.
  nlohmann::json final_status() const {
    nlohmann::json status;
    for (int i = 0; i < 50; ++i) {
      status = nlohmann::json::parse(place_.run({"status", "run", "--json"}).output);
      if (status["state"] != "running") break;
    }
    return status;
  }
  nlohmann::json crash_record(int rank) const {
    std::ifstream file(place_.path("run/crash/rank-" + std::to_string(rank) + ".json"));
    return nlohmann::json::parse(file, nullptr, false);
  }

  Workplace place_{330};
};

long count(const std::string& text, const std::string& part) {
  long found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_P(LostRank, EndsTheJobWithOneMessage) {
  const Outcome outcome = run();

  EXPECT_EQ(outcome.code, GetParam().code) << outcome.output;
  EXPECT_LT(outcome.seconds, GetParam().seconds);
  EXPECT_THAT(outcome.output, HasSubstr(GetParam().message));
  EXPECT_THAT(outcome.output, testing::Not(HasSubstr("There is no checkpoint yet")));
  EXPECT_EQ(count(outcome.output, "error: "), 1) << outcome.output;
  EXPECT_TRUE(all_gone());
  const nlohmann::json status = final_status();
  EXPECT_EQ(status["state"], "died");
  EXPECT_EQ(status["checkpoints"].back(), 25);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LostRank,
    testing::Values(Loss{"kill", 137, "is dead: its process has ended without a word", 15},
                    Loss{"stop", 71, "has been stopped by a signal", 25},
                    Loss{"hang", 70, "hangs: no sign of progress", 20},
                    Loss{"segfault", 139, "was ended by SIGSEGV", 15},
                    Loss{"exception", 1, "[rank 1] error: unexpected: injected exception", 20}),
    [](const auto& parameter) { return parameter.param.kind; });

class FailedRank : public LostRank {};

TEST_P(FailedRank, LeavesARecordOfWhereItWas) {
  run();

  const nlohmann::json record = crash_record(1);
  ASSERT_TRUE(record.is_object());
  EXPECT_EQ(record["origin"], 1);
  EXPECT_EQ(record["step"], 40);
  EXPECT_EQ(record["phase"], "step");
  EXPECT_EQ(record["recent"].size(), 64);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FailedRank, testing::Values(Loss{"segfault", 139, "", 15}),
                         [](const auto& parameter) { return parameter.param.kind; });

/// A file that does not open, as on a file system that has died: by a lease, which the kernel lets its holder
/// keep for 45 s when another process opens the file (fcntl(2), F_SETLEASE).
class DeadFile {
 public:
  explicit DeadFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDWR)) {
    ::signal(SIGIO, SIG_IGN);  // by which the holder is asked to give way
    held_ = ::fcntl(descriptor_, F_SETLEASE, F_WRLCK) == 0;
  }
  ~DeadFile() { ::close(descriptor_); }
  DeadFile(const DeadFile&) = delete;
  DeadFile& operator=(const DeadFile&) = delete;
  bool held() const { return held_; }

 private:
  int descriptor_;
  bool held_;
};

TEST(DeadFileSystem, IsNamed) {
  const Workplace place(12);
  const DeadFile file(place.path("data.h5").string());
  if (!file.held()) GTEST_SKIP() << "this file system has no leases";

  const Outcome outcome = place.run(place.training("run", {"watchdog.start_seconds=1"}), 2);

  EXPECT_EQ(outcome.code, 70) << outcome.output;
  EXPECT_THAT(outcome.output,
              HasSubstr("hangs: no sign of progress for 1 s at phase 'opening data' (data.h5)"));
  EXPECT_LT(outcome.seconds, 30);
}

TEST(DeadFileSystem, EndsAnEvaluation) {
  const Workplace place(12);
  ASSERT_EQ(place.run(place.training("run", {"epochs=1"})).code, 0);
  const DeadFile file(place.path("data.h5").string());
  if (!file.held()) GTEST_SKIP() << "this file system has no leases";

  const Outcome outcome = place.run({"evaluate", "run", "watchdog.start_seconds=1"}, 2);

  EXPECT_EQ(outcome.code, 70) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("hangs: no sign of progress for 1 s"),
                                    HasSubstr("The same command can be started again")));
  EXPECT_LT(outcome.seconds, 30);
}

TEST(Status, ShowsARunningAndAnEndedJob) {
  const Workplace place(330);
  Process job = place.start(place.training("run", kEndless), 2);
  ASSERT_TRUE(place.has_started("run"));
  nlohmann::json running;
  for (int i = 0; i < 100; ++i) {  // until both ranks have left a heartbeat
    running = nlohmann::json::parse(place.run({"status", "run", "--json"}).output);
    if (running["rank_status"].size() == 2 && running["step"] > 0) break;
  }
  const Outcome table = place.run({"status", "run"});
  for (const pid_t rank : place.processes("annulus")) ::kill(rank, SIGTERM);
  EXPECT_EQ(job.wait().code, 75);

  EXPECT_EQ(running["state"], "running");
  EXPECT_EQ(running["ranks"], 2);
  EXPECT_EQ(running["total_steps"], 4000 * 11);
  EXPECT_THAT(table.output, AllOf(HasSubstr("run: running, step "), HasSubstr(" of 44000, epoch ")));
  EXPECT_THAT(place.run({"status", "run"}).output, HasSubstr("run: stopped with code 75"));
  EXPECT_THAT(place.run({"status", "nowhere"}).output, HasSubstr("is not a run directory"));
}

}  // namespace
}  // namespace annulus::test
