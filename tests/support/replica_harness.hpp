// Drives a replica of any backend with tensors in Keras' order, so that backends can be compared.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/dataset/batch.hpp"
#include "trainer/backend/contract/replica.hpp"

namespace annulus::test {

/// Values of all parameters in Keras' order, by layer and parameter.
using ParameterValues = std::vector<std::vector<std::vector<float>>>;

/// One shard's samples; images are (n, H, W, C) whatever the backend wants.
struct Samples {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> numbers;
  std::vector<float> vectors = {};  ///< (n, total_length(Network::vectors))
  std::vector<float> weights = {};  ///< (n) io::Shard::weights, or none
  std::vector<float> shares = {};   ///< (n) io::Shard::shares, or none
};

/// n random images and vectors in [-1, 1) with random labels; the sample numbers start at 1000 * seed.
Samples random_samples(const trainer::Network& network, std::int64_t n, std::uint64_t seed);

/// The same with random weights in [0, 2) and shares in [0, 1).
Samples random_mixtures(const trainer::Network& network, std::int64_t n, std::uint64_t seed);

/// Random values that keep a network well conditioned: kernels within +-sqrt(3 / fan_in), biases, betas and
/// moving means within +-0.5, gammas and moving variances in [0.5, 1.5).
ParameterValues random_parameters(const trainer::Network& network, std::uint64_t seed);

/// Writes all parameters and moving averages.
void set_parameters(trainer::Replica& replica, const ParameterValues& values);

/// What train() reports of one shard.
struct ShardOutcome {
  double loss = 0;  ///< sum over the samples
  double correct = 0;
  double top = 0;  ///< labels among the LossOptions::top_k largest outputs
  double samples = 0;
  ParameterValues gradients;  ///< trainable: gradients; moving averages: samples * batch statistics
};

/// train() over those of a step's shards that the reducer's rank owns; networks that take sums over the step
/// must have been given them.
void train_shards(trainer::Replica& replica, comm::GradientReducer& reducer,
                  const std::vector<Samples>& shards, std::uint64_t epoch = 0);

/// One step over these shards (numbered from 0). Fails the test when the reducer's contract is broken.
std::vector<ShardOutcome> run_step(trainer::Replica& replica, const std::vector<Samples>& shards,
                                   std::uint64_t epoch = 0);
ShardOutcome run_shard(trainer::Replica& replica, const Samples& samples, std::uint64_t epoch = 0);

/// Probabilities (n, classes) of the first n samples.
std::vector<float> predict(trainer::Replica& replica, const Samples& samples, std::int64_t n);

}  // namespace annulus::test
