// A whole training as one object, over ranks: how long it goes on, where it takes up an earlier start, and
// why it ends.
#include "trainer/training_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <optional>

#include "base/stop_request.hpp"
#include "tests/support/mpi_environment.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/ledger.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::uint64_t kStepsPerEpoch = 5;

comm::ProcessGroup& group() { return test::session().group(); }
bool is_rank_zero() { return group().rank() == 0; }

/// One directory for all ranks.
class SharedDirectory {
 public:
  SharedDirectory() {
    if (is_rank_zero()) own_.emplace();
    std::array<char, 512> name{};
    if (own_) own_->path().copy(name.data(), name.size() - 1);
    group().broadcast(std::as_writable_bytes(std::span(name)), 0, "directory of a test");
    path_ = name.data();
  }
  ~SharedDirectory() { group().barrier("end of a test"); }  // nobody needs it any more
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::optional<TemporaryDirectory> own_;
  std::string path_;
};

class TrainingJobTest : public testing::Test {
 protected:
  /// 60 samples in steps of 12, of a shard each: whole for one to four ranks.
  static Config config(const std::string& epochs, const std::string& more = "") {
    return parse_config("name: small\nepochs: " + epochs + R"(
data: {generator: pattern}
batch: {size: 12, shards: 12}
normalisation: {kind: per_feature, rescale: 1/255}
optimizer: {learning_rate: 0.1, momentum: 0.9}
ledger: {every_steps: 5}
network:
  input: [4, 4, 1]
  layers:
    - flatten
    - dense: 2
    - softmax
)" + more,
                        "test.yaml")
        .config;
  }
  JobOptions options(const std::string& run, const std::string& resume = "auto") const {
    JobOptions result{.run_directory = directory_ / run,
                      .resume = resume,
                      .allow_change = {"epochs"},
                      .command_line = {"annulus", "train"}};
    result.sources = [](const Config&, Split split, const NodeMemoryFactory&) {
      return std::make_unique<test::PatternSource>(split == Split::train ? 60 : 10, SampleShape{4, 4, 1});
    };
    return result;
  }
  TrainingJob job(const Config& config, const JobOptions& options) {
    return TrainingJob(config, test::session(), options);
  }
  /// State hash of a step in the ledger of a run.
  std::uint64_t hash(const std::string& run, std::uint64_t step) const {
    for (const LedgerLine& line : read_ledger(directory_ / (run + "/ledger.jsonl")))
      if (line.step == step) return line.hashes.state;
    ADD_FAILURE() << run << " has no line of step " << step;
    return 0;
  }
  bool is_saved(const std::string& run, std::uint64_t step) const {
    return fs::exists(directory_ / fmt::format("{}/checkpoints/step-{:09}.h5", run, step));
  }

  SharedDirectory directory_;
};

TEST_F(TrainingJobTest, TrainsTheFractionOfAnEpochThatIsAskedFor) {
  TrainingJob training = job(config("1.4"), options("run"));

  EXPECT_EQ(training.run(), Outcome::finished);

  EXPECT_EQ(training.state().step, 7u);
  EXPECT_TRUE(is_saved("run", 7));
}

TEST_F(TrainingJobTest, ValidatesAfterThePartOfAnEpochThatIsTheLast) {
  TrainingJob training = job(config("0.4"), options("run"));

  training.run();

  EXPECT_EQ(training.state().step, 2u);
  EXPECT_EQ(training.state().best_step, 2u);
}

TEST_F(TrainingJobTest, GoesOnToTheSameBitsWhereAnEarlierStartEnded) {
  job(config("2"), options("whole")).run();
  job(config("1.2"), options("parts")).run();

  TrainingJob second = job(config("2"), options("parts"));
  EXPECT_EQ(second.state().step, 6u);
  EXPECT_EQ(second.run(), Outcome::finished);

  EXPECT_EQ(second.state().step, 2 * kStepsPerEpoch);
  EXPECT_NE(hash("whole", 5), hash("whole", 10));
  EXPECT_EQ(hash("whole", 10), hash("parts", 10));
}

TEST_F(TrainingJobTest, BeginsAnewWhenToldTo) {
  job(config("1"), options("run")).run();

  EXPECT_EQ(job(config("1"), options("run", "none")).state().step, 0u);
}

TEST_F(TrainingJobTest, HasNothingLeftToDoWhenTheRunIsOver) {
  job(config("1"), options("run")).run();
  TrainingJob again = job(config("1"), options("run"));

  EXPECT_EQ(again.run(), Outcome::finished);

  EXPECT_EQ(again.state().step, kStepsPerEpoch);
}

TEST_F(TrainingJobTest, StopsEarlyWhenValidationNoLongerImproves) {
  // The first validation is the best so far; no later one is better by a hundred.
  TrainingJob training =
      job(config("9", "early_stopping: {patience: 2, minimum_improvement: 100}\n"), options("run"));

  EXPECT_EQ(training.run(), Outcome::finished);

  EXPECT_EQ(training.state().step, 3 * kStepsPerEpoch);
  EXPECT_THAT(read_file(directory_ / "run/metrics.jsonl"), HasSubstr("stopped early"));
}

TEST_F(TrainingJobTest, ACheckpointThatIsNotThereIsEverybodysErrorAndLeavesNothing) {
  const std::string message =
      message_of<Error>([&] { job(config("1"), options("run", directory_ / "nowhere.h5")); });

  EXPECT_THAT(message, HasSubstr("nowhere.h5"));
  EXPECT_FALSE(fs::exists(directory_ / "run"));
}

// Last: the process that was asked to stop stays so.
TEST_F(TrainingJobTest, StopsAfterTheStepInWhichOneRankIsAskedToAndSavesIt) {
  catch_stop_signals();
  TrainingJob training = job(config("3"), options("run"));
  if (group().rank() == group().size() - 1) std::raise(SIGTERM);

  EXPECT_EQ(training.run(), Outcome::stopped);

  EXPECT_EQ(training.state().step, 1u);
  EXPECT_TRUE(is_saved("run", 1));
  EXPECT_THAT(read_file(directory_ / "run/metrics.jsonl"), HasSubstr("stopped on request"));
}

}  // namespace
}  // namespace annulus::trainer
