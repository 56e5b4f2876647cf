// Converts images to the layout the backend asks for and gradient buffers back through Replica::read.
#include "tests/support/replica_harness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "tests/support/random_tensor.hpp"
#include "tests/support/recording_reducer.hpp"

namespace annulus::test {
namespace {

/// Images in the backend's layout at a 64-byte boundary, as the loader hands them over.
class PlacedImages {
 public:
  PlacedImages(std::span<const float> images, const SampleShape& shape, io::PixelLayout layout)
      : storage_(images.size() + 16) {
    void* start = storage_.data();
    std::size_t space = storage_.size() * sizeof(float);
    values_ = {static_cast<float*>(std::align(64, images.size() * sizeof(float), start, space)),
               images.size()};
    const std::int64_t pixels = shape.height * shape.width, size = shape.size();
    for (std::size_t i = 0; i < images.size(); ++i) {
      const std::int64_t sample = static_cast<std::int64_t>(i) / size,
                         rest = static_cast<std::int64_t>(i) % size;
      const std::int64_t pixel = rest / shape.channels, channel = rest % shape.channels;
      const bool first = layout == io::PixelLayout::channels_first;
      values_[first ? sample * size + channel * pixels + pixel : i] = images[i];
    }
  }
  std::span<const float> get() const { return values_; }

 private:
  std::vector<float> storage_;
  std::span<float> values_;
};

/// Sums over the shards of a step while it lives, for networks that take some.
class StepSumsHere {
 public:
  StepSumsHere(trainer::Replica& replica, std::size_t shards) : replica_(replica) {
    const std::size_t elements = replica.step_sum_elements();
    if (elements == 0) return;
    sums_ = comm::make_reducer(
        *alone_,
        {.elements = elements, .buckets = {{0, elements}}, .shards = static_cast<std::int64_t>(shards)});
    former_ = replica_.set_step_sums(sums_.get());
  }
  ~StepSumsHere() {
    if (sums_) replica_.set_step_sums(former_);
  }
  StepSumsHere(const StepSumsHere&) = delete;
  StepSumsHere& operator=(const StepSumsHere&) = delete;

 private:
  trainer::Replica& replica_;
  std::unique_ptr<comm::ProcessGroup> alone_ = comm::make_serial_group();
  std::unique_ptr<comm::GradientReducer> sums_;
  comm::GradientReducer* former_ = nullptr;
};

ShardOutcome outcome_of(const trainer::Replica& replica, std::span<const float> buffer) {
  const trainer::ArenaLayout& layout = replica.layout();
  ShardOutcome outcome{.loss = buffer[trainer::kLossSum],
                       .correct = buffer[trainer::kCorrectCount],
                       .top = buffer[trainer::kTopCount],
                       .samples = buffer[trainer::kSampleCount],
                       .gradients = {}};
  for (const trainer::Layer& layer : replica.network().layers)
    outcome.gradients.emplace_back(layer.parameters.size());
  const auto read = [&](const std::vector<trainer::Segment>& segments, std::span<const float> arena) {
    for (const trainer::Segment& segment : segments)
      outcome.gradients[segment.layer][segment.parameter] = replica.read(segment, arena);
  };
  read(layout.statistics, buffer.subspan(trainer::kGradientHead, layout.statistics_count));
  read(layout.trainable, buffer.subspan(trainer::gradient_offset(layout)));
  return outcome;
}

}  // namespace

Samples random_samples(const trainer::Network& network, std::int64_t n, std::uint64_t seed) {
  Samples samples{.images = random_floats(n * network.input.size(), seed),
                  .labels = random_labels(n, network.classes(), seed),
                  .numbers = std::vector<std::uint64_t>(n),
                  .vectors = random_floats(n * total_length(network.vectors), seed + 77)};
  std::iota(samples.numbers.begin(), samples.numbers.end(), 1000 * seed);
  return samples;
}

Samples random_mixtures(const trainer::Network& network, std::int64_t n, std::uint64_t seed) {
  Samples samples = random_samples(network, n, seed);
  samples.weights = random_floats(n, seed + 31);
  samples.shares = random_floats(n, seed + 53);
  for (float& weight : samples.weights) weight += 1;
  for (float& share : samples.shares) share = (share + 1) / 2;
  return samples;
}

ParameterValues random_parameters(const trainer::Network& network, std::uint64_t seed) {
  ParameterValues values(network.layers.size());
  for (std::size_t layer = 0; layer < values.size(); ++layer) {
    for (const trainer::Parameter& parameter : network.layers[layer].parameters) {
      const std::uint64_t own_seed = seed * 1000003 + layer * 101 + values[layer].size();
      std::vector<float> tensor = random_floats(element_count(parameter.extents), own_seed);
      const bool around_one = parameter.name == "gamma" || parameter.name == "moving_variance";
      const float scale = parameter.decays ? std::sqrt(3.0f / static_cast<float>(parameter.fan_in)) : 0.5f;
      for (float& value : tensor) value = value * scale + (around_one ? 1.0f : 0.0f);
      values[layer].push_back(std::move(tensor));
    }
  }
  return values;
}

void set_parameters(trainer::Replica& replica, const ParameterValues& values) {
  for (const trainer::Segment& segment : replica.layout().trainable)
    replica.write(segment, values.at(segment.layer).at(segment.parameter), replica.parameters());
  for (const trainer::Segment& segment : replica.layout().statistics)
    replica.write(segment, values.at(segment.layer).at(segment.parameter), replica.statistics());
  replica.upload();
}

void train_shards(trainer::Replica& replica, comm::GradientReducer& reducer,
                  const std::vector<Samples>& shards, std::uint64_t epoch) {
  io::Batch batch{.epoch = epoch, .step = 0, .samples = 0, .shards = {}};
  std::vector<PlacedImages> images;
  images.reserve(shards.size());
  for (const Samples& samples : shards) batch.samples += static_cast<std::int64_t>(samples.labels.size());
  for (std::int64_t v = reducer.owned().begin; v < reducer.owned().end; ++v) {
    const Samples& samples = shards.at(static_cast<std::size_t>(v));
    images.emplace_back(samples.images, replica.network().input, replica.pixel_layout());
    batch.shards.push_back({.index = v,
                            .images = images.back().get(),
                            .labels = samples.labels,
                            .samples = samples.numbers,
                            .vectors = samples.vectors,
                            .weights = samples.weights,
                            .shares = samples.shares});
  }
  replica.train(batch, reducer);
}

std::vector<ShardOutcome> run_step(trainer::Replica& replica, const std::vector<Samples>& shards,
                                   std::uint64_t epoch) {
  RecordingReducer reducer(replica.layout(), {0, static_cast<std::int64_t>(shards.size())});
  const StepSumsHere sums(replica, shards.size());
  train_shards(replica, reducer, shards, epoch);
  EXPECT_EQ(reducer.complaints(), "");
  std::vector<ShardOutcome> outcomes;
  for (std::size_t shard = 0; shard < shards.size(); ++shard)
    outcomes.push_back(outcome_of(replica, reducer.gradients(static_cast<std::int64_t>(shard))));
  return outcomes;
}

ShardOutcome run_shard(trainer::Replica& replica, const Samples& samples, std::uint64_t epoch) {
  return run_step(replica, {samples}, epoch).front();
}

std::vector<float> predict(trainer::Replica& replica, const Samples& samples, std::int64_t n) {
  const SampleShape& shape = replica.network().input;
  const PlacedImages placed(std::span(samples.images).first(n * shape.size()), shape, replica.pixel_layout());
  const auto floats = static_cast<std::size_t>(n * total_length(replica.network().vectors));
  std::vector<float> probabilities(n * replica.network().classes());
  replica.predict({.images = placed.get(),
                   .vectors = std::span(samples.vectors).first(floats),
                   .samples = n,
                   .probabilities = probabilities});
  return probabilities;
}

}  // namespace annulus::test
