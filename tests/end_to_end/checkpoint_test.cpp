// Checkpoints under real interruptions: nothing half-written counts, nothing wrong is gone on with, and the
// end is the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "base/random.hpp"
#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Waits until the run has recorded `steps` steps. @return false when it ends or takes too long before
bool has_reached(const Workplace& place, const std::string& run, std::uint64_t steps) {
  const std::string ledger = "\"step\":" + std::to_string(steps) + ",";
  for (int i = 0; i < 6000; ++i) {
    if (read_text(place.path(run + "/ledger.jsonl")).find(ledger) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// Saves after every step, so that a kill at any moment hits the writing of a file.
TEST(Saving, KilledAtAnyMomentLeavesOnlyWholeCheckpoints) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=20", "checkpoint.every_steps=1", "ledger.every_steps=1",
                                      "checkpoint.keep_last=1000"};
  ASSERT_EQ(place.run(place.training("whole", plan)).code, 0);

  for (int kill = 0; kill < 4; ++kill) {
    RandomStream random(3, Purpose::test, 0, static_cast<std::uint64_t>(kill));
    Process job = place.start(place.training("killed", plan));
    ASSERT_TRUE(has_reached(place, "killed", 20 + 45 * static_cast<std::uint64_t>(kill)));
    std::this_thread::sleep_for(std::chrono::microseconds(random.next() % 20000));
    job.signal(SIGKILL);
    EXPECT_EQ(job.wait().code, 128 + SIGKILL);
    for (const auto& entry : fs::directory_iterator(place.path("killed/checkpoints")))
      if (entry.path().extension() == ".h5") {
        EXPECT_EQ(io::broken_seal(entry.path()), std::nullopt) << entry.path();
      }
  }
  const Outcome resumed = place.run(place.training("killed", plan), 2);

  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, AllOf(HasSubstr("resumed in killed"), Not(HasSubstr("skipped"))));
  EXPECT_EQ(place.state_hash("killed"), place.state_hash("whole"));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_THAT(place.run({"diff-runs", "killed", "whole"}).output,
              HasSubstr("Equal: the same state at all 220"));
}

TEST(Saving, AWriterThatFailsEndsAllRanksAlike) {
  const Workplace place(330);

  Process job = place.start(place.training("run", {"epochs=400", "checkpoint.every_steps=10"}), 2);
  ASSERT_TRUE(place.has_started("run"));
  while (!fs::exists(place.path("run/checkpoints/latest"))) std::this_thread::yield();
  fs::rename(place.path("run/checkpoints"), place.path("run/gone"));
  const Outcome outcome = job.wait();

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("was not written"), HasSubstr("No such file or directory"),
                                    Not(HasSubstr("[rank 1]"))));  // said once, by rank 0, for all
  EXPECT_THAT(place.left_behind(), IsEmpty());
  fs::remove_all(place.path("run/checkpoints"));
  fs::rename(place.path("run/gone"), place.path("run/checkpoints"));
  EXPECT_EQ(place.run(place.training("run", {"epochs=2"})).code, 0);
}

struct Stop {
  int signal;
  int ranks;
  int threads;
};

/// A part of the matrix that tests/acceptance runs in full.
class ResumeMatrix : public testing::TestWithParam<int> {};

TEST_P(ResumeMatrix, StoppedAnyhowAndGoneOnWithOtherwiseGivesTheSameBits) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=24", "checkpoint.every_steps=9", "ledger.every_steps=1"};
  ASSERT_EQ(place.run(place.training("whole", plan)).code, 0);
  RandomStream random(5, Purpose::test, 0, static_cast<std::uint64_t>(GetParam()));
  const std::vector<Stop> stops{{SIGUSR1, 1 << random.next() % 3, 2}, {SIGKILL, 1, 1}, {SIGTERM, 1, 2}};

  std::uint64_t step = 0;
  for (const Stop& stop : stops) {
    step += 30 + random.next() % 40;
    std::vector<std::string> words = plan;
    words.push_back("device.threads=" + std::to_string(stop.threads));
    words.push_back("data.loader_threads=" + std::to_string(stop.threads));
    Process job = place.start(place.training("parts", words), stop.ranks == 1 ? 0 : stop.ranks);
    ASSERT_TRUE(has_reached(place, "parts", step));
    job.signal(stop.signal);
    EXPECT_EQ(job.wait().code, stop.signal == SIGKILL ? 128 + SIGKILL : 75);
  }
  const Outcome last = place.run(place.training("parts", plan), 4);

  ASSERT_EQ(last.code, 0) << last.output;
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
}

INSTANTIATE_TEST_SUITE_P(Some, ResumeMatrix, testing::Values(0, 1));

TEST(ResumeRules, RefuseByNameWhatChangesNumbersUnlessAllowed) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run", {"device.kind=cpu"})).code, 0);
  const auto refused = [&](const std::vector<std::string>& changes) {
    std::vector<std::string> words{"device.kind=cpu"};
    words.insert(words.end(), changes.begin(), changes.end());
    const Outcome outcome = place.run(place.training("run", words));
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    return outcome.output;
  };

  EXPECT_THAT(refused({"batch.size=48", "seed=8"}),
              AllOf(HasSubstr("batch.size: 32 there, 48 now"), HasSubstr("seed: 7 there, 8 now")));
  EXPECT_THAT(refused({"batch.shards=2"}), HasSubstr("batch.shards: 4 there, 2 now"));
  EXPECT_THAT(refused({"optimizer.kind=adam", "optimizer.momentum=null"}),
              HasSubstr("optimizer.kind: sgd there, adam now"));
  EXPECT_THAT(refused({"device.kind=reference", "epochs=2"}),
              HasSubstr("device.kind: cpu there, reference now"));
  const Outcome named =
      place.run(place.training("other", {"device.kind=cpu", "--resume", "run/checkpoints/latest", "seed=8"}));
  EXPECT_EQ(named.code, 2) << named.output;
  EXPECT_THAT(named.output, HasSubstr("seed: 7 there, 8 now"));
  EXPECT_FALSE(fs::exists(place.path("other")));
  EXPECT_THAT(refused({"--allow-change", "optimiser", "epochs=2"}), HasSubstr("Did you mean optimizer?"));

  const Outcome allowed = place.run(place.training(
      "run", {"optimizer.learning_rate=0.01", "epochs=2", "--allow-change", "optimizer,seed"}));

  ASSERT_EQ(allowed.code, 0) << allowed.output;
  EXPECT_THAT(allowed.output,
              HasSubstr("a change of the run was allowed: optimizer.learning_rate: 0.05 there, 0.01 now"));
  EXPECT_THAT(read_text(place.path("run/environment.json")),
              HasSubstr("optimizer.learning_rate: 0.05 there"));
}

TEST(ResumeRules, RefuseOtherDataOfTheSameShape) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  {  // the same images, one label changed: a dataset that somebody made again
    io::Hdf5File file = io::Hdf5File::open_to_change(place.path("data.h5").string());
    auto labels = file.read<std::int32_t>("train/labels");
    labels[50] = (labels[50] + 1) % 10;
    io::Hdf5Dataset dataset = file.dataset("train/labels");
    dataset.write_rows<std::int32_t>(0, labels.size(), labels);
  }

  const Outcome refused = place.run(place.training("run", {"epochs=2"}));
  const Outcome allowed = place.run(place.training("run", {"epochs=2", "--allow-change", "data.content"}));

  EXPECT_EQ(refused.code, 2) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("data.content: 96 samples"), HasSubstr("--allow-change")));
  EXPECT_EQ(allowed.code, 0) << allowed.output;
}

TEST(DiffRuns, NamesStepTensorAndCause) {
  const Workplace place(96);
  const std::vector<std::string> plan{"epochs=4", "ledger.every_steps=2"};
  const auto train = [&](const std::string& run, std::vector<std::string> more) {
    more.insert(more.begin(), plan.begin(), plan.end());
    ASSERT_EQ(place.run(place.training(run, more)).code, 0);
  };
  train("a", {});
  train("same", {"device.threads=2"});
  train("other", {"optimizer.weight_decay=1e-3"});
  train("short", {"epochs=2"});
  train("bare", {"ledger.every_steps=0"});

  const Outcome equal = place.run({"diff-runs", "a", "same"});
  const Outcome shorter = place.run({"diff-runs", "a", "short"});
  const Outcome differ = place.run({"diff-runs", "a", "other"});
  const Outcome json = place.run({"diff-runs", "a", "other", "--json"});
  const Outcome saved = place.run({"diff-runs", "bare", "other"});
  const Outcome wrong = place.run({"diff-runs", "a", "nowhere"});

  EXPECT_EQ(equal.code, 0) << equal.output;
  EXPECT_THAT(equal.output, HasSubstr("Equal: the same state at all"));
  EXPECT_EQ(shorter.code, 0) << shorter.output;
  EXPECT_THAT(shorter.output, HasSubstr("short ends at step 6, a goes on to step 12"));
  EXPECT_EQ(differ.code, 1) << differ.output;
  EXPECT_THAT(differ.output,
              AllOf(HasSubstr("First difference at step 2: "), HasSubstr("parameters/stem/kernel"),
                    HasSubstr("optimizer.weight_decay: 0 in a, 0.001 in other"),
                    HasSubstr("ledger.every_steps=1"), HasSubstr("largest difference")));
  const auto parsed = nlohmann::json::parse(json.output);
  EXPECT_EQ(parsed["ledgers"]["first_different"], 2);
  EXPECT_EQ(parsed["equal"], false);
  EXPECT_EQ(saved.code, 1) << saved.output;
  EXPECT_THAT(saved.output, AllOf(HasSubstr("bare keeps no ledger"), HasSubstr("The checkpoints of step")));
  EXPECT_EQ(wrong.code, 2) << wrong.output;
  EXPECT_THAT(wrong.output, HasSubstr("nowhere is not a run directory"));
}

}  // namespace
}  // namespace annulus::test
