// What is said about a bad step: NaN planted in inputs and parameters of a small network, on both host
// backends.
#include "trainer/loop/diagnosis.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/pattern_source.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kText = R"(
name: diagnosis
data: {path: unused.h5, inputs: {track: track}}
network:
  inputs: {image: [4, 4, 1], track: [3]}
  layers:
    - conv2d: {name: first, filters: 2, kernel: 3, activation: relu}
    - flatten: {name: flat}
    - concat: {inputs: [flat, track]}
    - dense: {name: middle, units: 4, activation: relu}
    - dense: {name: last, units: 2, activation: softmax}
batch: {size: 8, shards: 2}
)";

/// Pixels and vectors of PatternSource as floats, with values planted.
class Planted final : public io::SampleSource {
 public:
  explicit Planted(const Network& network)
      : pattern_(24, network.input, io::PixelType::float32, network.vectors) {}

  std::vector<std::uint64_t> bad_pixels, bad_vectors;  ///< sample numbers
  std::vector<std::uint64_t> dark;                     ///< samples of which all pixels and values are 0

  const io::SourceInfo& info() const override { return pattern_.info(); }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    pattern_.read(samples, buffers);
    const std::size_t bytes = buffers.pixels.size() / samples.size();
    const std::size_t row = buffers.vectors.size() / samples.size();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (std::ranges::count(bad_pixels, samples[i]) > 0)
        reinterpret_cast<float*>(buffers.pixels.data() + i * bytes)[5] = NAN;
      if (std::ranges::count(dark, samples[i]) > 0) {
        std::ranges::fill(buffers.pixels.subspan(i * bytes, bytes), std::byte{0});
        std::ranges::fill(buffers.vectors.subspan(i * row, row), 0.0f);
      }
      if (std::ranges::count(bad_vectors, samples[i]) > 0) buffers.vectors[i * row + 1] = INFINITY;
    }
  }

 private:
  test::PatternSource pattern_;
};

using MakeReplica = std::unique_ptr<Replica> (*)(const Network&, const CompileOptions&);

class Diagnosis : public testing::TestWithParam<MakeReplica> {
 protected:
  Diagnosis() { test::set_parameters(*replica_, test::random_parameters(config_.network, 3)); }

  /// Of step 2 of the unshuffled samples: 8 to 11 in shard 0, 12 to 15 in shard 1.
  std::string diagnosis(StepResult result = {.verdict = Verdict::loss_not_finite}) {
    const io::ShardedSampler sampler({.samples = 24, .batch = 8, .shards = 2, .shuffle = false});
    io::BatchLoader loader(source_, sampler, io::Generator(source_.info(), augmentation_, {}, 1),
                           {.owned_shards = 2, .layout = replica_->pixel_layout()});
    return diagnose(
        {*group_, *replica_, loader},
        {.step = 2, .epoch = 0, .step_in_epoch = 1, .loss = 3, .loss_limit = 2, .result = result});
  }
  void set(int layer, int parameter, float value) {
    for (const Segment& segment : replica_->layout().trainable)
      if (segment.layer == layer && segment.parameter == parameter) {
        auto values = replica_->read(segment, replica_->parameters());
        values.front() = value;
        replica_->write(segment, values, replica_->parameters());
      }
  }

  Config config_ = parse_config(kText, "test").config;
  Planted source_{config_.network};
  io::AugmentationOptions augmentation_;
  std::unique_ptr<comm::ProcessGroup> group_ = comm::make_serial_group();
  std::unique_ptr<Replica> replica_ = GetParam()(config_.network, {.shard_samples = 4});
};

TEST_P(Diagnosis, NamesSamplesWithBadPixels) {
  source_.bad_pixels = {3, 9, 11, 20};

  EXPECT_THAT(
      diagnosis(),
      AllOf(
          HasSubstr(
              "step 2 (epoch 1): the loss is not finite: rank 0, samples 9 and 11 of pattern: a pixel is nan, before any layer saw it"),
          HasSubstr("Mend or drop these samples")));
}

TEST_P(Diagnosis, NamesBothSamplesThatWereMixedWithABadOne) {
  source_.bad_pixels = {13};
  augmentation_.mixup = 1;

  EXPECT_THAT(diagnosis(), AllOf(HasSubstr("rank 0, samples 12 and 13 of pattern: a pixel is nan"),
                                 HasSubstr("augmentation.mixup"), HasSubstr("spoils two")));
}

TEST_P(Diagnosis, NamesTheVectorAndSamplesOfSeveralShards) {
  source_.bad_vectors = {10, 15};

  EXPECT_THAT(diagnosis(),
              HasSubstr("rank 0, sample 10; rank 0, sample 15 of pattern: the input 'track' holds inf"));
}

TEST_P(Diagnosis, TellsWhatComesFirst) {
  source_.bad_vectors = {9};
  source_.bad_pixels = {14};

  EXPECT_THAT(diagnosis(), HasSubstr("rank 0, sample 14 of pattern: a pixel is nan"));
}

TEST_P(Diagnosis, NamesTheFirstLayerWhoseOutputIsBad) {
  set(3, 1, INFINITY);  // a bias of `middle`

  EXPECT_THAT(diagnosis(),
              AllOf(HasSubstr("rank 0, samples 8, 9, 10 and 11; rank 0, samples 12, 13, 14 and 15"),
                    HasSubstr("the output of layer 'middle' is the first that is not finite (inf)"),
                    HasSubstr("optimizer.clip_norm")));
}

TEST_P(Diagnosis, NamesTheGradientInTheSumWhenEveryShardIsFinite) {
  const auto& trainable = replica_->layout().trainable;
  int segment = 0;
  while (trainable[static_cast<std::size_t>(segment)].layer != 3) ++segment;

  EXPECT_THAT(diagnosis({.verdict = Verdict::gradient_not_finite, .bad_segment = segment}),
              AllOf(HasSubstr("the gradient is not finite: first in the gradient of layer 'middle' ("),
                    HasSubstr("every shard is finite on every rank")));
}

TEST_P(Diagnosis, NamesTheShardBehindASpike) {
  EXPECT_THAT(diagnosis({.verdict = Verdict::spike}),
              AllOf(HasSubstr("the loss of 3 is a spike (the limit is 2)"), HasSubstr("that of shard "),
                    HasSubstr(" on rank 0")));
}

TEST_P(Diagnosis, TheShardOfASpikeIsThatOfTheLargestLoss) {
  source_.dark = {8, 9, 10, 11};
  EXPECT_THAT(diagnosis({.verdict = Verdict::spike}), HasSubstr("that of shard 1 on rank 0"));

  source_.dark = {12, 13, 14, 15};
  EXPECT_THAT(diagnosis({.verdict = Verdict::spike}), HasSubstr("that of shard 0 on rank 0"));
}

TEST_P(Diagnosis, LeavesTheReplicaWithoutChecks) {
  diagnosis();
  test::Samples bad = test::random_samples(config_.network, 2, 6);
  bad.images[0] = NAN;

  EXPECT_NO_THROW(test::predict(*replica_, bad, 2));
}

INSTANTIATE_TEST_SUITE_P(Backends, Diagnosis, testing::Values(make_reference_replica, make_cpu_replica),
                         [](const auto& test) { return test.index == 0 ? "Reference" : "Cpu"; });

}  // namespace
}  // namespace annulus::trainer
