// Small trainings for tests of the step engine: fifteen steps, three epochs with a short step at the end of
// each, on any engine, with augmentation, batch norm and dropout on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/host/gradient_reducer.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/host_step_engine.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/tensor_list.hpp"
#include "trainer/model/config.hpp"

namespace annulus::test {

/// 70 samples in batches of 16: steps of 16, 16, 16, 16 and 6 samples, the last as shards of 4 and 2.
inline trainer::Config step_config(const std::vector<std::string>& overrides) {
  constexpr const char* kText = R"(
name: steps
epochs: 3
data: {path: unused.h5}
augmentation: {rotation_range: 20, width_shift_range: 0.2, horizontal_flip: true, brightness_range: [0.7, 1.3]}
normalisation: {kind: given, rescale: 0.00392156862, mean: [0.5, 0.45, 0.4], deviation: [0.25, 0.25, 0.3]}
network:
  input: [8, 8, 3]
  layers:
    - conv2d: {filters: 6, kernel: 3, padding: same}
    - batch_norm
    - relu
    - max_pool: {size: 2}
    - flatten
    - dropout: 0.25
    - dense: {units: 12, activation: relu}
    - dense: {units: 2, activation: softmax}
batch: {size: 16, shards: 4}
optimizer: {kind: sgd, learning_rate: 0.05, momentum: 0.9, weight_decay: 0.001}
)";
  return trainer::parse_config(kText, "test", overrides).config;
}

/// The same with two vectors beside the image, which is round along its width.
inline trainer::Config vector_step_config(const std::vector<std::string>& overrides) {
  constexpr const char* kText = R"(
name: vector-steps
epochs: 3
data: {path: unused.h5, inputs: {track: track_features, event: sums}}
augmentation: {horizontal_flip: true}
normalisation: {kind: given, rescale: 0.00392156862, mean: [0.5, 0.45, 0.4], deviation: [0.25, 0.25, 0.3]}
network:
  inputs: {image: [8, 8, 3], track: [5], event: [2]}
  layers:
    - circular_pad: {width: 1}
    - conv2d: {filters: 6, kernel: 3, padding: {height: 1, width: 0}, activation: relu}
    - max_pool: {size: 2}
    - flatten
    - dense: {units: 8, activation: relu, name: rings}
    - batch_norm: {input: track, name: scaled}
    - concat: {inputs: [rings, event, scaled]}
    - dropout: 0.25
    - dense: {units: 2, activation: softmax}
batch: {size: 16, shards: 4}
optimizer: {kind: sgd, learning_rate: 0.05, momentum: 0.9, weight_decay: 0.001}
)";
  return trainer::parse_config(kText, "test", overrides).config;
}

struct RunOutcome {
  std::vector<double> losses;      ///< of the steps, means
  std::vector<double> norms;       ///< of the gradients
  std::vector<float> values;       ///< all parameters and moving averages in Keras' order
  std::vector<float> first_state;  ///< momentum, or m of adam, in Keras' order
  std::vector<std::size_t> bad;    ///< steps that changed nothing
};

/// Which steps to run, from 0 on.
struct Steps {
  std::size_t count = 15;
  std::optional<std::size_t> spoilt = {};    ///< has a gradient that is not finite
  std::optional<std::size_t> left_out = {};  ///< its batch is passed over
  bool weighted = false;                     ///< samples have weights
};

/// Every tenth of the 70 samples is drawn nine times as often as the others.
inline std::shared_ptr<const io::DrawCounts> balanced_draws() {
  std::vector<std::int32_t> labels(70);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 10 == 3 ? 1 : 0;
  return io::make_balanced_draws(labels, {}, 5);
}

enum class Engine { host, cuda };

/// A rank alone, from the same initial parameters whatever the engine.
inline RunOutcome run_steps(const trainer::Config& config, Engine kind, const Steps& steps = {}) {
  using namespace trainer;
  PatternSource source(70, config.network.input, io::PixelType::uint8, config.network.vectors);
  for (std::size_t i = 0; steps.weighted && i < 70; ++i)
    source.weights.push_back(static_cast<float>(i % 5) * 0.5f);
  const auto group = comm::make_serial_group();
  const CompileOptions options{
      .shard_samples = config.batch.size / config.batch.shards, .loss = config.loss, .seed = config.seed};
  const auto replica = kind == Engine::host
                           ? make_cpu_replica(config.network, options)
                           : make_cuda_replica(config.network, options, config.device.precision);
  Optimizer optimizer(config.optimizer, config.network, replica->layout());
  const comm::ReducerOptions reducer{.elements = gradient_elements(replica->layout()),
                                     .buckets = comm::make_buckets(gradient_sizes(replica->layout()), 256),
                                     .shards = config.batch.shards};
  const auto gpus = kind == Engine::cuda ? comm::make_device_group(*group, comm::Transport::nccl) : nullptr;
  const auto engine = kind == Engine::host
                          ? make_host_step_engine(*replica, optimizer, comm::make_reducer(*group, reducer))
                          : make_cuda_step_engine({.config = config,
                                                   .replica = *replica,
                                                   .state = optimizer.state(),
                                                   .group = *gpus,
                                                   .reducer = reducer,
                                                   .training = source});
  set_parameters(*replica, random_parameters(config.network, 5));
  engine->upload();
  const io::ShardedSampler sampler(
      {.samples = 70,
       .batch = config.batch.size,
       .shards = config.batch.shards,
       .seed = config.seed,
       .draws = config.data.sampling == io::Sampling::uniform ? nullptr : balanced_draws()});
  io::BatchLoader loader(source, sampler, training_generator(config, source.info()),
                         {.owned_shards = config.batch.shards,
                          .content = engine->content(),
                          .layout = replica->pixel_layout(),
                          .weights = io::SampleWeights::factors,
                          .memory = engine->batch_memory()});
  loader.seek(0, 0);

  RunOutcome outcome;
  std::vector<double> samples;
  const auto finish_to = [&](std::size_t unfinished) {
    for (std::size_t left = samples.size() - outcome.losses.size(); left > unfinished; --left) {
      const StepResult result = engine->finish();
      if (result.verdict != Verdict::good) outcome.bad.push_back(outcome.losses.size());
      outcome.losses.push_back(result.loss_sum / samples[outcome.losses.size()]);
      outcome.norms.push_back(result.gradient_norm);
    }
  };
  for (std::size_t step = 0; step < steps.count; ++step) {
    const io::Batch& batch = loader.next();
    if (step == steps.left_out) continue;
    engine->begin(batch,
                  {.learning_rate = 0.05,
                   .spoil = step == steps.spoilt ? trainer::Spoil::gradient : trainer::Spoil::nothing});
    samples.push_back(static_cast<double>(batch.samples));
    finish_to(engine->steps_ahead());
  }
  finish_to(0);
  engine->download();
  for (const TensorPlace& place : list_tensors(config.network, replica->layout())) {
    const auto tensor = read_tensor(*replica, place, arena_of(*replica, place));
    outcome.values.insert(outcome.values.end(), tensor.begin(), tensor.end());
    if (place.arena != TensorPlace::Arena::parameters || optimizer.states().empty()) continue;
    const auto state = read_tensor(*replica, place, optimizer.states().front().values);
    outcome.first_state.insert(outcome.first_state.end(), state.begin(), state.end());
  }
  return outcome;
}

}  // namespace annulus::test
