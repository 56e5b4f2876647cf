// Once a size is compiled, nothing may allocate or wait: else the step could not be captured as a graph.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/replica_harness.hpp"
#include "trainer/backend/cuda/device_model.hpp"

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
    EXPECT_NO_THROW(
        model.train({samples.images.data(), samples.labels.data(), samples.numbers.data(), &scalars, 2},
                    gradients.data(), nullptr, [](std::size_t) {}));
    EXPECT_NO_THROW(model.predict({samples.images.data(), 2, probabilities.data()}, nullptr));
    EXPECT_ANY_THROW(model.prepare_train(1)) << "the pretended capture does not bite";
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, Capture, testing::ValuesIn(test::oracle_networks()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace annulus::trainer::cuda
