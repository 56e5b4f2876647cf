// Gradients of the cuda backend against differences of its own loss: needs no other backend to be right.
#include "tests/support/gradient_check.hpp"

#include <algorithm>
#include <ostream>

#include "tests/support/exact_data.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/outcome_matchers.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"

namespace annulus::trainer {
namespace {

/// A loss that was summed in float32 is off by up to 1e-6, and so a slope at half of this step by 1e-4.
constexpr test::GradientCheckOptions kOptions{
    .elements = 4, .step = 0.04, .absolute = 5e-4, .relative = 1e-2, .smooth_share = 0.7};

bool has_relu(const Network& network) {
  return std::ranges::any_of(network.layers, [](const Layer& layer) {
    const auto* activate = std::get_if<Activate>(&layer.operation);
    return layer.activation == Activation::relu || (activate && activate->kind == Activation::relu);
  });
}

bool has_max_pool(const Network& network) {
  return std::ranges::any_of(network.layers, [](const Layer& layer) {
    const auto* pool = std::get_if<Pool2d>(&layer.operation);
    const auto* global = std::get_if<GlobalPool>(&layer.operation);
    return (pool && pool->kind == PoolKind::max) || (global && global->kind == PoolKind::max);
  });
}

/// Kinks must be further away than a step. Whole numbers do that for ReLU, but tie in max pools; random ones
/// do it for a max pool of few values. Where both are, or many sums are pooled, no data does.
std::vector<test::OracleNetwork> networks() {
  std::vector<test::OracleNetwork> all = test::oracle_networks();
  std::erase_if(all, [](const test::OracleNetwork& which) {
    return (has_relu(which.network) && has_max_pool(which.network)) ||
           which.name == "UnevenPooledConvolution";
  });
  return all;
}

class CudaGradientCheck : public testing::TestWithParam<test::OracleNetwork> {};

TEST_P(CudaGradientCheck, ReportedGradientsAreSlopesOfTheLoss) {
  const Network& network = GetParam().network;
  const bool whole = has_relu(network);
  const auto replica = make_cuda_replica(network, {.shard_samples = 3, .seed = 4}, Precision::float32);

  EXPECT_TRUE(test::gradients_match_differences(
      *replica, whole ? test::exact_parameters(network, 31) : test::random_parameters(network, 31),
      whole ? test::exact_samples(network, 3, 22) : test::random_samples(network, 3, 22), kOptions));
}

TEST(CudaReplicaLoss, OfMixturesAndWeightsIsTheReferences) {
  const Network network = test::oracle_networks().front().network;
  const auto replica =
      make_cuda_replica(network, {.shard_samples = 3, .loss = {.label_smoothing = 0.2f}}, Precision::float32);
  const auto reference =
      make_reference_replica(network, {.shard_samples = 3, .loss = {.label_smoothing = 0.2f}});
  const test::ParameterValues parameters = test::random_parameters(network, 31);
  const test::Samples samples = test::random_mixtures(network, 3, 22);
  test::set_parameters(*replica, parameters);
  test::set_parameters(*reference, parameters);

  const test::ShardOutcome outcome = test::run_shard(*replica, samples);

  test::expect_equal_outcomes(network, outcome, test::run_shard(*reference, samples), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Networks, CudaGradientCheck, testing::ValuesIn(networks()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace annulus::trainer
