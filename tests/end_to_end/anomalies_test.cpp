// Data with values that are not finite, or far too large: what is said, what each policy does, and that the
// result is the same at any world size and after an interruption.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kConfig = R"(
name: anomalies
seed: 7
epochs: 2
data: {path: data.h5, inputs: {track: track}, images: pixels}
normalisation: {kind: given, mean: [0.5, 0.5, 0.5], deviation: [0.3, 0.3, 0.3]}
network:
  inputs: {image: [4, 4, 3], track: [4]}
  layers:
    - conv2d: {name: stem, filters: 4, kernel: 3, activation: relu}
    - flatten: {name: flat}
    - batch_norm: {input: track, name: scaled}
    - concat: {inputs: [flat, scaled]}
    - dense: {units: 10, activation: softmax}
optimizer: {kind: adam, learning_rate: 0.01}
batch: {size: 32, shards: 4}
checkpoint: {every_epochs: 0, every_steps: 2}
)";

constexpr std::size_t kPixels = 4 * 4 * 3;
constexpr std::size_t kBadImage = 57;
constexpr std::size_t kBadTrack = 91;

/// 110 samples of float pixels and a float vector: 3 steps of 32 and a tail of 14.
class Anomalies : public testing::Test {
 protected:
  /// @param pixel, track  what samples 57 and 91 hold
  void write_data(float pixel, float track) {
    std::ofstream(place_.path("anomalies.yaml")) << kConfig;
    io::Hdf5File file = io::Hdf5File::open_to_change(place_.path("data.h5").string());
    for (const std::string split : {"train", "test"}) {
      const auto rows = file.read<std::int32_t>(split + "/labels").size();
      std::vector<float> pixels(rows * kPixels), tracks(rows * 4);
      for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 7919 % 101) / 100.0f;
      for (std::size_t i = 0; i < tracks.size(); ++i) tracks[i] = static_cast<float>(i * 104729 % 97) / 50.0f;
      if (split == "train") {
        std::fill_n(pixels.begin() + kBadImage * kPixels, kPixels, pixel);
        tracks[kBadTrack * 4 + 2] = track;
      }
      const auto n = static_cast<std::int64_t>(rows);
      file.write(split + "/pixels", {n, 4, 4, 3}, std::span<const float>(pixels));
      file.write(split + "/track", {n, 4}, std::span<const float>(tracks));
    }
    file.close();
  }

  Outcome train(const std::string& run, int ranks, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"train", "anomalies.yaml", "--run", run});
    return place_.run(more, ranks);
  }
  /// How many event lines of a run hold this text.
  std::size_t events(const std::string& run, const std::string& text) {
    std::size_t found = 0;
    for (const auto& record : place_.metrics(run))
      if (record["kind"] == "event" && record["text"].get<std::string>().find(text) != std::string::npos)
        ++found;
    return found;
  }

  Workplace place_{110};
};

TEST_F(Anomalies, NanInTheDataIsSkippedAlikeAtAnyWorldSize) {
  write_data(NAN, INFINITY);

  for (const int ranks : {1, 2, 4}) {
    const std::string run = "skip" + std::to_string(ranks);
    const Outcome outcome = train(run, ranks, {"anomaly.policy=skip"});
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(events(run, "sample 57 of data.h5:train: a pixel is nan, before any layer saw it"), 2U)
        << outcome.output;  // once an epoch
    EXPECT_EQ(events(run, "sample 91 of data.h5:train: the input 'track' holds inf"), 1U)
        << outcome.output;  // in the first epoch it shares a step with sample 57, which comes first
    EXPECT_EQ(events(run, "Skipped step"), 3U);
    EXPECT_EQ(place_.state_hash(run), place_.state_hash("skip1"));
  }
}

TEST_F(Anomalies, StatisticsOfTheStepHideNoSample) {  // although one NaN is in the mean of every shard
  write_data(NAN, INFINITY);
  std::string config = kConfig;
  const std::string plain = "{input: track, name: scaled}";
  config.replace(config.find(plain), plain.size(), "{input: track, name: scaled, statistics: step}");
  std::ofstream(place_.path("anomalies.yaml")) << config;

  for (const int ranks : {1, 4}) {
    const std::string run = "step" + std::to_string(ranks);
    const Outcome outcome = train(run, ranks, {"anomaly.policy=skip"});
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(events(run, "sample 57 of data.h5:train: a pixel is nan, before any layer saw it"), 2U);
    EXPECT_EQ(events(run, "sample 91 of data.h5:train: the input 'track' holds inf"), 1U);
    EXPECT_EQ(place_.state_hash(run), place_.state_hash("step1"));
  }
}

TEST_F(Anomalies, GoingBackEndsWhereSkippingDoesAndAfterAKillToo) {
  write_data(NAN, INFINITY);
  const std::vector<std::string> policy{"anomaly.policy=rollback", "anomaly.rollback_limit=4"};
  ASSERT_EQ(train("skip", 2, {"anomaly.policy=skip"}).code, 0);

  for (const int ranks : {1, 2, 4}) {
    const std::string run = "rollback" + std::to_string(ranks);
    const Outcome outcome = train(run, ranks, policy);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(place_.state_hash(run), place_.state_hash("skip"));
    EXPECT_GE(events(run, "is passed over"), 1U) << outcome.output;
    EXPECT_EQ(events(run, "Skipped"), 0U);
  }

  std::vector<std::string> killed = policy;
  killed.insert(killed.end(), {"--inject", "rank=1,step=7,kind=kill"});
  ASSERT_NE(train("killed", 2, killed).code, 0);
  const Outcome resumed = train("killed", 4, policy);
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resumed in killed after step"));
  EXPECT_EQ(place_.state_hash("killed"), place_.state_hash("skip"));
}

TEST_F(Anomalies, AStopNamesRankSamplesAndLayerAndTheRunCanGoOnFromThere) {
  write_data(1.02e38f, 0);  // finite, but not its products with gradients
  ASSERT_EQ(train("skip", 1, {"anomaly.policy=skip"}).code, 0);

  const Outcome stopped = train("stop", 2);
  EXPECT_EQ(stopped.code, 1) << stopped.output;
  EXPECT_THAT(
      stopped.output,
      AllOf(HasSubstr("step 3 (epoch 1): the gradient is not finite: rank 0, samples "),
            HasSubstr(
                "of data.h5:train: the gradient of layer 'stem' (kernel) is the first that is not finite"),
            HasSubstr("anomaly.policy=skip or rollback")));
  const Outcome resumed = train("stop", 2, {"anomaly.policy=skip"});

  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_EQ(place_.state_hash("stop"), place_.state_hash("skip"));
}

TEST_F(Anomalies, ANanOnOneRankIsFoundThereAndSkippedByAll) {
  write_data(0, 0);

  const Outcome spoilt = train("spoilt", 2, {"anomaly.policy=skip", "--inject", "rank=1,step=3,kind=nan"});

  EXPECT_EQ(spoilt.code, 0) << spoilt.output;
  EXPECT_EQ(events("spoilt", "step 3 (epoch 1): the "), 1U) << spoilt.output;
  EXPECT_EQ(events("spoilt", "rank 1, sample "), 1U) << spoilt.output;
  EXPECT_EQ(events("spoilt", "the input 'track' holds nan"), 1U);
  EXPECT_THAT(spoilt.output, HasSubstr("1 bad step(s) were skipped"));
}

TEST_F(Anomalies, NanInTheDataIsRefusedWhereTheFirstOneWouldStopTheRun) {
  write_data(NAN, 0);

  const Outcome refused = train("refused", 2);

  EXPECT_EQ(refused.code, 65) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("row 57 holds the value nan"));
}

TEST_F(Anomalies, ASpikeIsSkippedAlikeOnOneRankAndTwoAndAfterAnInterruption) {
  write_data(1e6f, 0);  // large enough for a loss far above the others
  const std::vector<std::string> plan{"anomaly.policy=skip", "anomaly.spike_factor=10",
                                      "anomaly.spike_window=2", "epochs=4"};
  ASSERT_EQ(train("one", 1, plan).code, 0);

  std::vector<std::string> killed = plan;
  killed.insert(killed.end(), {"--inject", "rank=0,step=9,kind=kill"});
  ASSERT_NE(train("two", 2, killed).code, 0);
  ASSERT_EQ(train("two", 2, plan).code, 0);

  EXPECT_GE(events("one", "is a spike (the limit is"), 1U);
  EXPECT_EQ(place_.state_hash("two"), place_.state_hash("one"));
}

}  // namespace
}  // namespace annulus::test
