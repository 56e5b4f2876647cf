// Training sees transformed images, an evaluation the images as they are; both see them normalised alike.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/pattern_source.hpp"
#include "trainer/data_splits.hpp"

namespace annulus::trainer {
namespace {

/// The same image in several epochs, one after another.
std::vector<std::vector<float>> images(const io::Generator& generator, std::span<const std::byte> raw) {
  std::vector<std::vector<float>> made(8, std::vector<float>(raw.size()));
  for (std::size_t epoch = 0; epoch < made.size(); ++epoch)
    generator.make(raw, epoch, 3, io::PixelLayout::channels_last, made[epoch]);
  return made;
}

TEST(Generators, TransformForTrainingAlone) {
  const Config config = parse_config(R"(name: small
normalisation: {kind: none, rescale: 1/255}
augmentation: {horizontal_flip: true, vertical_flip: true}
network: {input: [4, 4, 1], layers: [flatten, dense: 2, softmax]}
)",
                                     "test.yaml")
                            .config;
  const test::PatternSource source(10, {4, 4, 1});
  std::vector<std::byte> raw;
  std::vector<float> plain;
  for (std::size_t i = 0; i < 16; ++i) {
    raw.push_back(std::byte{test::PatternSource::pixel(3, i)});
    plain.push_back(static_cast<float>(test::PatternSource::pixel(3, i)) / 255.0f);
  }

  const auto trained = images(training_generator(config, source.info()), raw);
  const auto evaluated = images(evaluation_generator(config, source.info()), raw);

  for (const auto& image : evaluated)
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(image[i], plain[i], 1e-6f);
  EXPECT_NE(trained, evaluated);  // one of four is not flipped, not all eight
}

TEST(Generators, CropToTheSizeOfTheNetworksInput) {
  const Config config = parse_config(R"(name: small
augmentation: {crop: random, horizontal_flip: true}
network: {input: [2, 3, 1], layers: [flatten, dense: 2, softmax]}
)",
                                     "test.yaml")
                            .config;
  const test::PatternSource source(10, {4, 5, 1});
  std::vector<std::byte> raw;
  for (std::size_t i = 0; i < 20; ++i) raw.push_back(static_cast<std::byte>(i));
  const io::Generator trained = training_generator(config, source.info());
  const io::Generator evaluated = evaluation_generator(config, source.info());
  ASSERT_EQ(trained.output_shape(), config.network.input);
  ASSERT_EQ(evaluated.output_shape(), config.network.input);

  std::vector<float> image(6);
  evaluated.make(raw, 3, 1, io::PixelLayout::channels_last, image);
  EXPECT_EQ(image, (std::vector<float>{6, 7, 8, 11, 12, 13}));
}

}  // namespace
}  // namespace annulus::trainer
