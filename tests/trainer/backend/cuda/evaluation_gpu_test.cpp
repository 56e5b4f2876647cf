// An evaluation whose images are made on the GPU against the same model with images that the host made.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "comm/ranks/process_group.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/backend/cuda/step_runs.hpp"
#include "trainer/backend/contract/batch_predictor.hpp"
#include "trainer/loop/evaluator.hpp"

namespace annulus::trainer {
namespace {

/// 23 samples in blocks of 4, two shards: the last step has 3 samples in the second block and none in a
/// third.
constexpr std::uint64_t kSamples = 23;
const EvaluatorOptions kOptions{.block = 4, .shards = 3};

struct Case {
  const char* name;
  io::PixelType pixels;
  std::vector<std::string> overrides;
  bool vectors = false;
  std::int64_t larger =
      0;  ///< pixels by which the stored images are higher than the network's, and half as much wider
};
void PrintTo(const Case& which, std::ostream* out) { *out << which.name; }

class CudaEvaluation : public testing::TestWithParam<Case> {
 protected:
  Config config() const {
    return GetParam().vectors ? test::vector_step_config(GetParam().overrides)
                              : test::step_config(GetParam().overrides);
  }
  static SampleShape stored_shape(const Config& config) {
    SampleShape shape = config.network.input;
    shape.height += GetParam().larger;
    shape.width += GetParam().larger / 2;
    return shape;
  }
};

/// What the model says about samples that the host has normalised, block by block as the evaluator cuts them.
std::vector<float> from_host_images(Replica& replica, io::SampleSource& source,
                                    const io::Generator& generator) {
  const auto size = static_cast<std::size_t>(generator.output_shape().size());
  const auto row = static_cast<std::size_t>(total_length(source.info().vectors));
  const auto classes = static_cast<std::size_t>(replica.network().classes());
  const std::size_t bytes =
      static_cast<std::size_t>(source.info().shape.size()) * io::size_of(source.info().pixels);
  std::vector<float> all;
  for (std::uint64_t first = 0; first < kSamples; first += kOptions.block) {
    const std::size_t n = std::min<std::uint64_t>(kOptions.block, kSamples - first);
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t i = first; i < first + n; ++i) numbers.push_back(i);
    std::vector<std::byte> raw(n * bytes);
    std::vector<std::int32_t> labels(n);
    std::vector<float> vectors(n * row), images(n * size), probabilities(n * classes);
    source.read(numbers, {raw, labels, vectors});
    for (std::size_t i = 0; i < n; ++i)
      generator.make(std::span<const std::byte>(raw).subspan(i * bytes, bytes), 0, numbers[i],
                     replica.pixel_layout(), std::span(images).subspan(i * size, size));
    replica.predict({.images = images,
                     .vectors = vectors,
                     .samples = static_cast<std::int64_t>(n),
                     .probabilities = probabilities});
    all.insert(all.end(), probabilities.begin(), probabilities.end());
  }
  return all;
}

TEST_P(CudaEvaluation, HasTheBitsOfImagesThatTheHostMade) {
  const Config config = this->config();
  test::PatternSource source(kSamples, stored_shape(config), GetParam().pixels, config.network.vectors);
  const io::Generator generator = evaluation_generator(config, source.info());
  const auto replica = make_cuda_replica(
      config.network, {.shard_samples = 4, .predict_samples = kOptions.block}, config.device.precision);
  test::set_parameters(*replica, test::random_parameters(config.network, 5));
  replica->upload();
  const auto group = comm::make_serial_group();
  Evaluator evaluator(*replica, *group, source, generator, kOptions);

  for (int run = 0; run < 2; ++run) {
    std::vector<float> probabilities;
    const Evaluation result = evaluator.run([&](std::span<const float> some, std::span<const std::int32_t>) {
      probabilities.insert(probabilities.end(), some.begin(), some.end());
    });
    EXPECT_TRUE(result.each_once);
    EXPECT_EQ(probabilities, from_host_images(*replica, source, generator));
  }
}

TEST_P(CudaEvaluation, TakesPixelsAsTheyAreStored) {
  const Config config = this->config();
  const test::PatternSource source(kSamples, stored_shape(config), GetParam().pixels, config.network.vectors);
  const io::Generator plain = evaluation_generator(config, source.info());
  const io::Generator random = training_generator(config, source.info());
  const auto replica = make_cuda_replica(config.network, {.shard_samples = 4}, config.device.precision);
  const auto predictor = [&](const io::Generator& generator) {
    return replica->make_predictor(
        {.source = source.info(), .generator = generator, .block_samples = 4, .owned_shards = 3});
  };

  ASSERT_NE(predictor(plain), nullptr);
  EXPECT_EQ(predictor(plain)->content(), io::BatchContent::pixels);
  EXPECT_TRUE(predictor(plain)->batch_memory());
  EXPECT_EQ(predictor(random), nullptr);  // only normalises
}

INSTANTIATE_TEST_SUITE_P(
    Images, CudaEvaluation,
    testing::Values(
        Case{"given", io::PixelType::uint8, {}},
        Case{"middle", io::PixelType::uint8, {"augmentation.crop=random"}, false, 5},
        Case{"resized_middle",
             io::PixelType::uint8,
             {"augmentation.crop=random_resized", "augmentation.crop_resize=9"},
             false,
             9},
        Case{"float_pixels", io::PixelType::float32, {}},
        Case{"each_image",
             io::PixelType::uint8,
             {"normalisation.kind=per_sample", "normalisation.mean=null", "normalisation.deviation=null"}},
        Case{"none",
             io::PixelType::uint8,
             {"normalisation.kind=none", "normalisation.mean=null", "normalisation.deviation=null"}},
        Case{"vectors", io::PixelType::uint8, {}, true},
        Case{"bfloat16", io::PixelType::uint8, {"device.precision=bfloat16"}}),
    [](const auto& shown) { return shown.param.name; });

}  // namespace
}  // namespace annulus::trainer
