// What only a played CUDA can show: that nothing allocates or waits once a size is compiled (else the step
// could not be captured as a graph), and what is said when memory runs out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/cuda/device_model.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer::cuda {
namespace {

class Capture : public testing::TestWithParam<test::OracleNetwork> {};

TEST_P(Capture, EnqueuingNeitherAllocatesNorWaits) {
  const Network& network = GetParam().network;
  const test::Samples samples = test::random_samples(network, 2, 1);
  const StepScalars scalars{};
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    DeviceModel model(network, {.shard_samples = 2, .predict_samples = 2}, precision);
    model.prepare_predict(2);
    std::vector<float> gradients(gradient_elements(model.layout()));
    std::vector<float> probabilities(static_cast<std::size_t>(2 * network.classes()));

    const test::PretendCapture capture;
    EXPECT_NO_THROW(model.parameters_changed(nullptr));
    EXPECT_NO_THROW(model.train({.images = samples.images.data(),
                                 .vectors = samples.vectors.data(),
                                 .labels = samples.labels.data(),
                                 .samples = samples.numbers.data(),
                                 .scalars = &scalars,
                                 .size = 2},
                                gradients.data(), nullptr, [](std::size_t) {}));
    EXPECT_NO_THROW(model.predict({.images = samples.images.data(),
                                   .vectors = samples.vectors.data(),
                                   .size = 2,
                                   .probabilities = probabilities.data()},
                                  nullptr));
    EXPECT_ANY_THROW(model.prepare_train(1)) << "the pretended capture does not bite";
  }
}

TEST(Memory, ShardThatDoesNotFitIsRefusedWithOneThatMight) {
  const test::PretendMemory memory(std::size_t{20} << 20);
  const Network network = NetworkBuilder({.height = 32, .width = 32, .channels = 3})
                              .conv2d({.filters = 32, .kernel = {3, 3}}, {.padding = PaddingMode::same})
                              .flatten()
                              .dense({.units = 2})
                              .activate(Activation::softmax)
                              .build();
  try {
    DeviceModel(network, {.shard_samples = 128}, Precision::float32);
    ADD_FAILURE() << "128 samples were planned in 20 MiB";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("shard of 128 samples"), testing::HasSubstr("about "),
                               testing::HasSubstr("batch.shards")));
  }
  EXPECT_NO_THROW(DeviceModel(network, {.shard_samples = 8}, Precision::float32));
}

INSTANTIATE_TEST_SUITE_P(Networks, Capture, testing::ValuesIn(test::oracle_networks()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace annulus::trainer::cuda
