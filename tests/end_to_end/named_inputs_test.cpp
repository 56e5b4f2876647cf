// A network with two vectors beside its image, from the file to predictions: the same bits at any world size,
// thread count and after an interruption, and what is wrong with a file is said.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = R"(
name: named
seed: 7
data:
  path: data.h5
  inputs: {track: track_features, energy: energy}
normalisation: {rescale: 1/255}
augmentation: {width_shift_range: 0.2, fill_mode: wrap}
network:
  inputs: {image: [32, 32, 3], track: [4], energy: [1]}
  layers:
    - circular_pad: {width: 1}
    - conv2d: {filters: 16, kernel: 3, stride: [2, 1], padding: {height: [0, 1], width: 0}, activation: relu}
    - max_pool: {size: [2, 4], stride: [2, 4]}
    - dropout: 0.2
    - flatten: {name: rings}
    - batch_norm: {input: track, name: scaled}
    - concat: {inputs: [rings, scaled, energy]}
    - dense: {units: 12, activation: relu}
    - dense: 10
    - softmax
optimizer: {kind: adam, learning_rate: 0.01}
batch: {size: 32, shards: 4}
checkpoint: {every_epochs: 1}
)";

/// A workplace whose data have vectors: the label, hidden in noise, and an energy.
class NamedInputs : public testing::Test {
 protected:
  NamedInputs() {
    std::ofstream(place_.path("named.yaml")) << kConfig;
    io::Hdf5File file = io::Hdf5File::open_to_change(place_.path("data.h5").string());
    for (const std::string split : {"train", "test"}) {
      const std::vector<std::int32_t> labels = file.read<std::int32_t>(split + "/labels");
      const auto rows = static_cast<std::int64_t>(labels.size());
      std::vector<float> track;
      std::vector<double> energy;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto noise = static_cast<float>(i * 7919 % 101) / 50.0f;
        track.insert(track.end(), {static_cast<float>(labels[i]), noise, -noise, 1.0f});
        energy.push_back(0.1 * static_cast<double>(labels[i]) + 0.01 * noise);
      }
      file.write(split + "/track_features", {rows, 4}, std::span<const float>(track));
      file.write(split + "/energy", {rows}, std::span<const double>(energy));
    }
    file.close();
  }

  static std::vector<std::string> training(const std::string& run, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"train", "named.yaml", "--run", run});
    return more;
  }

  Workplace place_{110};  // 3 steps of 32 and a tail of 14
};

TEST_F(NamedInputs, SameBitsAtAnyWorldSizeAndThreadCount) {
  ASSERT_EQ(place_.run(training("one", {"epochs=2"})).code, 0);
  ASSERT_EQ(place_.run(training("threads", {"epochs=2", "device.threads=2"})).code, 0);
  ASSERT_EQ(place_.run(training("two", {"epochs=2"}), 2).code, 0);
  ASSERT_EQ(place_.run(training("four", {"epochs=2", "device.threads=1"}), 4).code, 0);
  ASSERT_EQ(place_.run(training("other", {"epochs=2", "data.inputs.energy=labels"})).code, 0);

  const std::uint64_t expected = place_.state_hash("one");
  EXPECT_EQ(place_.state_hash("threads"), expected);
  EXPECT_EQ(place_.state_hash("two"), expected);
  EXPECT_EQ(place_.state_hash("four"), expected);
  EXPECT_NE(place_.state_hash("other"), expected);  // guards the comparisons above
}

TEST_F(NamedInputs, StreamedRowsGiveTheSameBitsOnTwoRanks) {
  const std::vector<std::string> streamed{"data.resident_mb=0", "epochs=1"};

  ASSERT_EQ(place_.run(training("one", streamed)).code, 0);
  ASSERT_EQ(place_.run(training("two", streamed), 2).code, 0);

  EXPECT_EQ(place_.state_hash("two"), place_.state_hash("one"));
}

TEST_F(NamedInputs, StoppedAnywhereGoesOnWithTheSameBits) {
  const std::vector<std::string> plan{"epochs=40", "checkpoint.every_epochs=0"};
  ASSERT_EQ(place_.run(training("whole", plan)).code, 0);

  Process first = place_.start(training("parts", plan), 2);
  ASSERT_TRUE(place_.has_started("parts"));
  first.signal(SIGUSR1);
  const Outcome stopped = first.wait();
  ASSERT_EQ(stopped.code, 75) << stopped.output;
  const Outcome resumed = place_.run(training("parts", plan));

  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_EQ(place_.state_hash("parts"), place_.state_hash("whole"));
}

TEST_F(NamedInputs, EvaluateAndPredictReadThemToo) {
  ASSERT_EQ(place_.run(training("run", {"epochs=6"})).code, 0);

  const Outcome evaluated = place_.run({"evaluate", "run", "--json"}, 2);
  const Outcome predicted = place_.run({"predict", "run", "--input", "data.h5", "--output", "out.h5"}, 2);
  const Outcome together = place_.run({"predict", "run", "batch.evaluation=40", "--input", "data.h5",
                                       "--output", "together.h5"});  // all in the first shard
  const Outcome summary = place_.run({"summary", "named.yaml"});

  ASSERT_EQ(evaluated.code, 0) << evaluated.output;
  ASSERT_EQ(predicted.code, 0) << predicted.output;
  const auto json = nlohmann::json::parse(evaluated.output.substr(evaluated.output.find('{')));
  const io::Hdf5File file = io::Hdf5File::open(place_.path("out.h5").string());
  const auto predictions = file.read<std::int32_t>("predictions");
  const auto labels = file.read<std::int32_t>("labels");
  double correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) correct += predictions[i] == labels[i];
  EXPECT_DOUBLE_EQ(correct / static_cast<double>(labels.size()), json["accuracy"]);
  ASSERT_EQ(together.code, 0) << together.output;
  const auto probabilities = file.read<float>("probabilities");
  const auto same = io::Hdf5File::open(place_.path("together.h5").string()).read<float>("probabilities");
  ASSERT_EQ(probabilities.size(), same.size());
  for (std::size_t i = 0; i < same.size(); ++i)
    EXPECT_NEAR(probabilities[i], same[i], 1e-5) << i;  // other shapes run other kernels: roundings of sums
  EXPECT_THAT(summary.output, HasSubstr("image (32, 32, 3), track (4), energy (1)"));
}

TEST_F(NamedInputs, WhatIsWrongIsSaid) {
  const Outcome missing = place_.run(training("a", {"data.inputs.track=track_featurs"}), 2);
  const Outcome length = place_.run(training("b", {"network.inputs.track=[5]"}));
  const Outcome form = place_.run(training("c", {"data.inputs.track=images"}));

  EXPECT_EQ(missing.code, 65);
  EXPECT_THAT(missing.output, HasSubstr("track_features"));
  EXPECT_EQ(length.code, 2);
  EXPECT_THAT(length.output, HasSubstr("holds 4 values per sample for the input track"));
  EXPECT_EQ(form.code, 65);
  EXPECT_THAT(form.output, HasSubstr("a network's vector input is read from (N, values)"));
}

}  // namespace
}  // namespace annulus::test
