// Samples that are their own numbers, and a model that answers by a rule: what an evaluation must come to can
// be worked out by hand.
#pragma once

#include <cstring>
#include <functional>
#include <vector>

#include "io/dataset/sample_source.hpp"
#include "tests/trainer/fake_replica.hpp"

namespace annulus::trainer {

constexpr std::int64_t kNumberedClasses = 3;

/// The only pixel of sample s is s, its label s modulo 3.
class NumberedSource final : public io::SampleSource {
 public:
  explicit NumberedSource(std::uint64_t samples) {
    info_.name = "numbers";
    info_.samples = samples;
    info_.shape = {1, 1, 1};
    info_.pixels = io::PixelType::float32;
    info_.classes = {"zero", "one", "two"};
  }
  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    for (std::size_t k = 0; k < samples.size(); ++k) {
      const auto pixel = static_cast<float>(samples[k]);
      std::memcpy(buffers.pixels.data() + k * sizeof pixel, &pixel, sizeof pixel);
      buffers.labels[k] = static_cast<std::int32_t>(samples[k] % kNumberedClasses);
    }
  }

 private:
  io::SourceInfo info_;
};

/// The probabilities of a sample, by its number.
using Answer = std::function<std::vector<float>(std::uint64_t sample)>;

class AnsweringReplica final : public FakeReplica {
 public:
  explicit AnsweringReplica(Answer answer, std::int64_t classes = kNumberedClasses)
      : FakeReplica(network_of(classes)), answer_(std::move(answer)) {}

  void predict(const PredictBlock& block) override {
    blocks.push_back(block.samples);
    for (std::int64_t i = 0; i < block.samples; ++i)
      std::ranges::copy(answer_(static_cast<std::uint64_t>(block.images[i])),
                        block.probabilities.begin() + i * network().classes());
  }

  std::vector<std::int64_t> blocks;  ///< samples of every call

 private:
  static Network network_of(std::int64_t classes) {
    Network network = small_network();
    network.layers.back().output.channels = classes;
    return network;
  }
  Answer answer_;
};

}  // namespace annulus::trainer
