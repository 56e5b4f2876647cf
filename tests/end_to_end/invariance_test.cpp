// The promise of the program: the same bits at any world size and thread count, and after any interruption.
// The network has batch norm, dropout and a residual add, the data augmentation and short tails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <iterator>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/model/optimizer_config.hpp"

namespace annulus::test {
namespace {

TEST(Invariance, SameBitsAtAnyWorldSizeAndThreadCount) {
  const Workplace place(110);  // 110 = 3 steps of 32 and a tail of 14: two full shards and a short one

  ASSERT_EQ(place.run(place.training("one", {"epochs=2"})).code, 0);
  ASSERT_EQ(place.run(place.training("threads", {"epochs=2", "device.threads=2"})).code, 0);
  ASSERT_EQ(place.run(place.training("two", {"epochs=2"}), 2).code, 0);
  ASSERT_EQ(place.run(place.training("four", {"epochs=2", "device.threads=1"}), 4).code, 0);

  const std::uint64_t expected = place.state_hash("one");
  EXPECT_EQ(place.state_hash("threads"), expected);
  EXPECT_EQ(place.state_hash("two"), expected);
  EXPECT_EQ(place.state_hash("four"), expected);
}

/// Images of 24 x 24 out of the stored ones of 32 x 32, also where they are judged; mixed in a training.
TEST(Invariance, CropsAlternatingFlipsAndMixtures) {
  const Workplace place(110);
  const auto training = [&](const std::string& run, const std::string& epochs) {
    return place.training(
        run, {"epochs=" + epochs, "network.input=[24, 24, 3]", "augmentation.crop=random_resized",
              "augmentation.horizontal_flip=true", "augmentation.alternating_flip=true",
              "augmentation.mixup=0.4", "loss.label_smoothing=0.1", "metrics.top_k=3"});
  };

  ASSERT_EQ(place.run(training("one", "2")).code, 0);
  ASSERT_EQ(place.run(training("parts", "1.5"), 2).code, 0);
  ASSERT_EQ(place.run(training("parts", "2"), 4).code, 0);

  EXPECT_EQ(place.state_hash("parts"), place.state_hash("one"));
  const Outcome one = place.shell("grep -o '\"[a-z_]*top_3_accuracy\":[0-9.]*' one/metrics.jsonl | tail -3");
  const Outcome parts =
      place.shell("grep -o '\"[a-z_]*top_3_accuracy\":[0-9.]*' parts/metrics.jsonl | tail -3");
  EXPECT_THAT(one.output, testing::HasSubstr("\"validation_top_3_accuracy\":"));
  EXPECT_EQ(parts.output, one.output);
}

/// Augmentation and dropout of a sample that is drawn several times in an epoch are among the bits.
TEST(Invariance, BalancedDraws) {
  const Workplace place(110);
  const auto training = [&](const std::string& run, const std::string& epochs) {
    return place.training(run, {"epochs=" + epochs, "data.sampling=balanced",
                                "data.class_shares=[9, 1, 1, 1, 1, 1, 1, 1, 1, 1]"});
  };

  const Outcome one = place.run(training("one", "2"));
  ASSERT_EQ(place.run(training("parts", "1.5"), 2).code, 0);
  ASSERT_EQ(place.run(training("parts", "2"), 4).code, 0);

  EXPECT_THAT(one.output, testing::HasSubstr("data.sampling is balanced: 110 draws per epoch"));
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("one"));
}

TEST(Invariance, WorldSizesThatAreNoPowerOfTwo) {
  const Workplace place(70);
  const std::vector<std::string> shards{"batch.size=24", "batch.shards=12", "epochs=1"};

  ASSERT_EQ(place.run(place.training("one", shards)).code, 0);
  ASSERT_EQ(place.run(place.training("three", shards), 3).code, 0);

  EXPECT_EQ(place.state_hash("three"), place.state_hash("one"));
}

TEST(Invariance, OtherSeedGivesOtherBits) {  // guards the tests above against comparing nothing
  const Workplace place;

  ASSERT_EQ(place.run(place.training("a")).code, 0);
  ASSERT_EQ(place.run(place.training("b", {"seed=8"})).code, 0);

  EXPECT_NE(place.state_hash("a"), place.state_hash("b"));
}

TEST(Invariance, EveryOptimizerHasTheSameBitsAndGoesOnWithThem) {
  const Workplace place(110);
  for (const trainer::OptimizerRow& row : trainer::kOptimizers) {
    const auto training = [&](const std::string& run, const std::string& epochs) {
      const std::string momentum = trainer::uses(row, "momentum") ? "0.9" : "null";
      return place.training(row.word + run,
                            {"epochs=" + epochs, std::string("optimizer.kind=") + row.word,
                             "optimizer.learning_rate=0.003", "optimizer.momentum=" + momentum});
    };
    ASSERT_EQ(place.run(training("", "2")).code, 0) << row.word;
    ASSERT_EQ(place.run(training("-parts", "1"), 2).code, 0) << row.word;
    ASSERT_EQ(place.run(training("-parts", "2"), 4).code, 0) << row.word;

    EXPECT_EQ(place.state_hash(std::string(row.word) + "-parts"), place.state_hash(row.word)) << row.word;
  }
}

/// The smoke configuration with batch norms over the step, beside the data.
std::string step_statistics_config(const Workplace& place) {
  std::ifstream smoke(source_dir() + "/configs/smoke.yaml");
  std::string text{std::istreambuf_iterator<char>(smoke), {}};
  const std::string plain = "batch_norm: {momentum: 0.9}";
  const std::size_t at = text.find(plain);
  EXPECT_NE(at, std::string::npos);
  text.replace(at, plain.size(), "batch_norm: {momentum: 0.9, statistics: step}");
  std::ofstream(place.path("step.yaml")) << text;
  return "step.yaml";
}

TEST(Invariance, StatisticsOfTheStepHaveTheSameBitsToo) {
  const Workplace place(110);  // a tail of 14 in shards of 8: on four ranks two of them have nothing to add
  const std::string config = step_statistics_config(place);
  const auto training = [&](const std::string& run, const std::string& threads) {
    std::vector<std::string> words = place.training(run, {"epochs=2", "device.threads=" + threads});
    words[1] = config;
    return words;
  };

  ASSERT_EQ(place.run(training("one", "1")).code, 0);
  ASSERT_EQ(place.run(training("threads", "2")).code, 0);
  ASSERT_EQ(place.run(training("two", "1"), 2).code, 0);
  ASSERT_EQ(place.run(training("four", "1"), 4).code, 0);
  ASSERT_EQ(place.run(place.training("shards", {"epochs=2"})).code, 0);

  const std::uint64_t expected = place.state_hash("one");
  EXPECT_EQ(place.state_hash("threads"), expected);
  EXPECT_EQ(place.state_hash("two"), expected);
  EXPECT_EQ(place.state_hash("four"), expected);
  EXPECT_NE(place.state_hash("shards"), expected);
}

TEST(Invariance, FewerSamplesThanRanks) {
  const Workplace place(9);
  const std::vector<std::string> tiny{"data.limit=3", "epochs=2"};

  ASSERT_EQ(place.run(place.training("one", tiny)).code, 0);
  ASSERT_EQ(place.run(place.training("four", tiny), 4).code, 0);

  EXPECT_EQ(place.state_hash("four"), place.state_hash("one"));
}

TEST(Invariance, StreamedDataGiveTheSameBitsToo) {
  const Workplace place(200);
  const std::vector<std::string> streamed{"data.resident_mb=0", "epochs=1"};

  ASSERT_EQ(place.run(place.training("one", streamed)).code, 0);
  ASSERT_EQ(place.run(place.training("two", streamed), 2).code, 0);

  EXPECT_EQ(place.state_hash("two"), place.state_hash("one"));
}

TEST(Invariance, FastReductionStaysClose) {
  const Workplace place;

  ASSERT_EQ(place.run(place.training("tree"), 2).code, 0);
  ASSERT_EQ(place.run(place.training("fast", {"reduction=fast"}), 2).code, 0);

  const double tree = place.metrics("tree").back()["loss"];
  const double fast = place.metrics("fast").back()["loss"];
  EXPECT_NEAR(fast, tree, 1e-3 * tree);  // another order of float sums over a few steps
}

TEST(Resume, StoppedAnywhereGoesOnWithTheSameBits) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=40", "checkpoint.every_epochs=0", "schedule.kind=cosine"};
  ASSERT_EQ(place.run(place.training("whole", plan)).code, 0);

  Process first = place.start(place.training("parts", plan), 2);  // stopped at whatever step it has reached
  ASSERT_TRUE(place.has_started("parts"));
  first.signal(SIGUSR1);
  const Outcome stopped = first.wait();
  ASSERT_EQ(stopped.code, 75) << stopped.output;
  const Outcome resumed = place.run(place.training("parts", plan), 4);  // on another world size

  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_NE(resumed.output.find("resumed in"), std::string::npos) << resumed.output;
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
}

TEST(Resume, KilledRunGoesOnFromItsLastCheckpoint) {
  const Workplace place(330);
  const std::vector<std::string> plan{"epochs=40", "checkpoint.every_steps=7"};
  ASSERT_EQ(place.run(place.training("whole", plan)).code, 0);

  Process first = place.start(place.training("killed", plan));
  ASSERT_TRUE(place.has_started("killed"));
  first.signal(SIGKILL);
  ASSERT_EQ(first.wait().code, 128 + SIGKILL);
  ASSERT_EQ(place.run(place.training("killed", plan), 2).code, 0);

  EXPECT_EQ(place.state_hash("killed"), place.state_hash("whole"));
  const auto records = place.metrics("killed");  // steps that were redone appear once
  std::uint64_t last = 0;
  for (const auto& record : records) {
    if (record["kind"] != "step") continue;
    EXPECT_GT(record["step"].get<std::uint64_t>(), last);
    last = record["step"];
  }
}

TEST(Resume, FallsBackToAnOlderCheckpointAndSaysSo) {
  const Workplace place;
  ASSERT_EQ(place.run(place.training("run", {"epochs=3"})).code, 0);
  const std::uint64_t expected = place.state_hash("run");
  const auto newest = std::filesystem::canonical(place.path("run/checkpoints/latest"));
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) / 2);

  const Outcome resumed = place.run(place.training("run", {"epochs=3"}));

  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_NE(resumed.output.find(newest.filename().string()), std::string::npos) << resumed.output;
  EXPECT_EQ(place.state_hash("run"), expected);
}

}  // namespace
}  // namespace annulus::test
