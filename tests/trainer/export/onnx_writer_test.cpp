// Exported models are compared with those that ONNX Runtime has computed: onnx_models.json holds a hash of
// each model whose probabilities it found to be the reference's. check_onnx.py makes that file, from what
// this test writes.
#include "trainer/export/onnx_writer.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/stable_hash.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/source_dir.hpp"
#include "trainer/export/npy_file.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kSamples = 5;

TrainedNetwork trained(const Network& network) {
  TrainedNetwork model{
      .network = network, .parameters = test::random_parameters(network, 1), .normalisation = {}};
  for (std::size_t k = 0; k < network.layers.size(); ++k)
    for (std::size_t i = 0; i < network.layers[k].parameters.size(); ++i)
      if (const std::vector<float>& fixed = network.layers[k].parameters[i].fixed; !fixed.empty())
        model.parameters[k][i] = fixed;
  return model;
}

void write(const std::filesystem::path& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

/// What check_onnx.py needs: the model, its inputs and the reference's answers.
void write_trial(const std::filesystem::path& folder, const std::string& name, const TrainedNetwork& model,
                 const std::string& onnx) {
  const Network& network = model.network;
  const test::Samples samples = test::random_samples(network, kSamples, 3);
  const auto replica = make_reference_replica(network, {.shard_samples = kSamples});
  test::set_parameters(*replica, model.parameters);
  const std::vector<float> expected = test::predict(*replica, samples, kSamples);
  const auto array = [](const std::vector<std::int64_t>& extents, const std::vector<float>& values) {
    return npy_file("<f4", extents, std::as_bytes(std::span(values)));
  };
  const SampleShape& shape = network.input;
  write(folder / (name + ".onnx"), onnx);
  write(folder / (name + "." + network.image_name + ".in.npy"),
        shape.flat ? array({kSamples, shape.channels}, samples.images)
                   : array({kSamples, shape.height, shape.width, shape.channels}, samples.images));
  write(folder / (name + ".out.npy"), array({kSamples, network.classes()}, expected));
  std::size_t before = 0;
  const auto row = static_cast<std::size_t>(total_length(network.vectors));
  for (const NamedVector& vector : network.vectors) {
    std::vector<float> values;
    for (std::size_t i = 0; i < kSamples; ++i)
      for (std::int64_t k = 0; k < vector.length; ++k)
        values.push_back(samples.vectors[i * row + before + static_cast<std::size_t>(k)]);
    write(folder / (name + "." + vector.name + ".in.npy"), array({kSamples, vector.length}, values));
    before += static_cast<std::size_t>(vector.length);
  }
}

TEST(OnnxModels, AreThoseThatOnnxRuntimeComputesAlike) {
  std::ifstream file(source_dir() + "/tests/trainer/export/onnx_models.json");
  const nlohmann::json known = nlohmann::json::parse(file, nullptr, false);
  const char* const folder = std::getenv("ANNULUS_ONNX_TRIALS");  // of check_onnx.py
  std::size_t compared = 0;
  for (const test::OracleNetwork& oracle : test::oracle_networks()) {
    const TrainedNetwork model = trained(oracle.network);
    const std::string onnx = onnx_model(model, {.version = "test"});
    if (folder != nullptr)
      write_trial(folder, oracle.name, model, onnx);
    else
      EXPECT_EQ(known.at("models").value(oracle.name, ""), fmt::format("{:016x}", stable_hash(onnx)))
          << oracle.name << ": make the table again with tests/trainer/export/check_onnx.py";
    ++compared;
  }
  EXPECT_GT(compared, 20U);
}

TEST(OnnxModels, SayWhatTheyAre) {
  TrainedNetwork model = trained(test::oracle_networks().front().network);
  model.classes = {"cat", "dog"};
  model.normalisation = {.kind = io::Normalisation::Kind::none, .rescale = 0.5f, .mean = {}, .deviation = {}};
  model.notes = {{"checkpoint", "step-8.h5"}};

  const std::string onnx = onnx_model(model, {.batch = 7, .version = "1.2"});

  EXPECT_THAT(onnx,
              AllOf(HasSubstr(R"(["cat","dog"])"), HasSubstr(R"("rescale":0.5)"), HasSubstr("step-8.h5"),
                    HasSubstr("annulus"), HasSubstr("probabilities"), Not(HasSubstr("\x12\x01N"))));
}

TEST(OnnxModels, HaveNoTwoValuesOfOneName) {
  Network network = test::oracle_networks().front().network;
  EXPECT_THAT(onnx_model(trained(network), {}), Not(HasSubstr("probabilities/layer")));
  network.layers.back().name = "probabilities";

  EXPECT_THAT(onnx_model(trained(network), {}), HasSubstr("probabilities/layer"));
}

TEST(NpyFiles, AreWhatNumPyWrites) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};

  const std::string file = npy_file("<f4", {2, 3}, std::as_bytes(std::span(values)));

  // numpy.save of numpy.arange(1, 7, dtype="f4").reshape(2, 3), NumPy 2.3: 128 bytes of header, then the
  // values
  ASSERT_EQ(file.size(), 128U + 24U);
  EXPECT_EQ(file.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(file, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  EXPECT_EQ(file[127], '\n');
}

}  // namespace
}  // namespace annulus::trainer
