// What both backends do with vectors beside the image: the same bits on any number of threads, blocks of
// predictions, values that are not finite.
#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using test::Samples;
using test::ShardOutcome;

constexpr std::int64_t kVectors = 4 + 3;

Network two_vectors() {
  NetworkBuilder network({.height = 6, .width = 8, .channels = 2});
  network.vector_input({"track", 4}).vector_input({"event", 3}).add(CircularPad{.width = 1});
  network.conv2d({.filters = 16, .kernel = {3, 3}}, {.activation = Activation::relu});
  network.flatten({.name = "rings"}).add(Dropout{0.2f});
  network.dense({.units = 6}, {.activation = Activation::relu, .name = "side", .inputs = {"event"}});
  network.add(Concat{}, {.inputs = {"dropout", "side", "track"}}).dense({.units = 4});
  return network.activate(Activation::softmax).build();
}

std::unique_ptr<Replica> with_parameters(std::unique_ptr<Replica> replica) {
  test::set_parameters(*replica, test::random_parameters(replica->network(), 17));
  return replica;
}

using Maker = std::unique_ptr<Replica> (*)(const Network&, const CompileOptions&);

class VectorInputs : public testing::TestWithParam<Maker> {
 protected:
  static std::unique_ptr<Replica> make(const CompileOptions& options) {
    return with_parameters(GetParam()(two_vectors(), options));
  }
};

TEST_P(VectorInputs, ThreadsDoNotChangeABit) {
  const auto one = make({.shard_samples = 4, .seed = 3, .threads = 1});
  const auto three = make({.shard_samples = 4, .seed = 3, .threads = 3});
  std::vector<Samples> shards;
  for (std::uint64_t i = 0; i < 7; ++i)
    shards.push_back(test::random_samples(two_vectors(), static_cast<std::int64_t>(i % 5), i));

  const std::vector<ShardOutcome> alone = test::run_step(*one, shards, 1);
  const std::vector<ShardOutcome> together = test::run_step(*three, shards, 1);

  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    EXPECT_EQ(together[shard].loss, alone[shard].loss);
    EXPECT_EQ(together[shard].gradients, alone[shard].gradients);
  }
}

TEST_P(VectorInputs, EverySampleIsPredictedFromItsOwnVectors) {
  const auto replica = make({.shard_samples = 2, .predict_samples = 5, .threads = 2});
  const Samples samples = test::random_samples(two_vectors(), 5, 8);
  const std::vector<float> all = test::predict(*replica, samples, 5);

  for (std::size_t i = 0; i < 5; ++i) {
    const auto rows = [i](const auto& values, std::size_t row) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * row);
      return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(row));
    };
    Samples single{.images = rows(samples.images, 96), .labels = {}, .numbers = {}};
    single.vectors = rows(samples.vectors, kVectors);
    const std::vector<float> expected = rows(all, 4);
    const std::vector<float> alone = test::predict(*replica, single, 1);
    for (std::size_t k = 0; k < 4; ++k)  // one sample runs other kernels: roundings of a few sums
      EXPECT_NEAR(alone[k], expected[k], 1e-6) << "sample " << i;
    single.vectors.back() += 0.5f;
    EXPECT_NE(test::predict(*replica, single, 1), alone) << "sample " << i;
  }
}

TEST_P(VectorInputs, NanInAVectorIsNamed) {
  const auto replica = make({.shard_samples = 2, .check_values = true});
  Samples bad = test::random_samples(two_vectors(), 2, 6);
  bad.vectors[kVectors + 5] = std::nanf("");

  try {
    test::run_shard(*replica, bad);
    ADD_FAILURE() << "a NaN was accepted";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("6001"), testing::HasSubstr("input event")));
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, VectorInputs, testing::Values(make_reference_replica, make_cpu_replica),
                         [](const auto& test) { return test.index == 0 ? "Reference" : "Cpu"; });

}  // namespace
}  // namespace annulus::trainer
