// A model is asked sample by sample: there are few.
#include "trainer/commands/golden_samples.hpp"

#include <algorithm>
#include <span>

#include "base/error.hpp"
#include "io/dataset/synthetic_source.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/export/npy_file.hpp"

namespace annulus::trainer {
namespace {

/// Held-out samples where the data of the training are at hand; else noise.
std::unique_ptr<io::SampleSource> samples_to_try(const ModelSource& source) {
  Config config = source.config;
  config.data.resident_mb = 0;
  const TrainedOn model{.data = source.data, .labelled = false, .has_weights = true};
  if (source.config.augmentation.crop == io::Crop::none && config.data.generator.empty())
    for (const std::string& group : {config.data.test, std::string("validation"), config.data.train}) try {
        config.data.labels.clear();
        return open_group(config, group, make_private_memory, {}, &model);
      } catch (const Error&) {  // the next one, or noise
      }
  return io::make_synthetic_source({.samples = 4096,
                                    .shape = config.network.input,
                                    .classes = config.network.classes(),
                                    .vectors = config.network.vectors});
}

void predict(GoldenSamples& golden, const Config& config, Replica& replica) {
  Config plain = config;
  plain.augmentation = {};
  const io::Generator generator = evaluation_generator(plain, golden.info);
  const auto pixels = static_cast<std::size_t>(golden.info.shape.size());
  const std::size_t bytes = pixels * size_of(golden.info.pixels);
  const auto floats = static_cast<std::size_t>(total_length(golden.info.vectors));
  const auto classes = static_cast<std::size_t>(replica.network().classes());
  golden.probabilities.resize(static_cast<std::size_t>(golden.samples) * classes);
  std::vector<float> image(pixels);
  for (std::size_t i = 0; i < static_cast<std::size_t>(golden.samples); ++i) {
    generator.make(std::span(golden.pixels).subspan(i * bytes, bytes), 0, i, replica.pixel_layout(), image);
    replica.predict({.images = image,
                     .vectors = std::span(golden.vectors).subspan(i * floats, floats),
                     .samples = 1,
                     .probabilities = std::span(golden.probabilities).subspan(i * classes, classes)});
  }
}

}  // namespace

GoldenSamples make_golden_samples(const ModelSource& source, Replica& replica, std::int64_t batch) {
  const auto data = samples_to_try(source);
  constexpr std::int64_t kTried = 64;
  GoldenSamples golden{.samples = std::min<std::int64_t>(std::max(kTried, batch),
                                                         static_cast<std::int64_t>(data->info().samples)),
                       .of = data->info().name,
                       .info = data->info()};
  const auto count = static_cast<std::size_t>(golden.samples);
  std::vector<std::uint64_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = data->info().samples * i / count;
  std::vector<std::int32_t> labels(count);
  golden.pixels.resize(count * static_cast<std::size_t>(golden.info.shape.size()) *
                       size_of(golden.info.pixels));
  golden.vectors.resize(count * static_cast<std::size_t>(total_length(golden.info.vectors)));
  data->read(numbers, {.pixels = golden.pixels, .labels = labels, .vectors = golden.vectors});
  predict(golden, source.config, replica);
  return golden;
}

std::string GoldenSamples::image_array(io::PixelType type, io::PixelLayout layout) const {
  const SampleShape& shape = info.shape;
  const bool planes = !shape.flat && layout == io::PixelLayout::channels_first;
  const std::size_t size = size_of(info.pixels);
  std::vector<std::byte> values;
  const auto put = [&](std::size_t at) {
    if (type == io::PixelType::float32 && size == 1) {
      const auto value = static_cast<float>(std::to_integer<int>(pixels[at]));
      const auto bytes = std::as_bytes(std::span(&value, 1));
      values.insert(values.end(), bytes.begin(), bytes.end());
    } else {
      values.insert(values.end(), pixels.begin() + static_cast<std::ptrdiff_t>(at * size),
                    pixels.begin() + static_cast<std::ptrdiff_t>((at + 1) * size));
    }
  };
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t places = static_cast<std::size_t>(shape.size()) / channels;
  for (std::size_t i = 0; i < static_cast<std::size_t>(samples); ++i)
    for (std::size_t k = 0; k < places * channels; ++k)
      put(i * places * channels + (planes ? k % places * channels + k / places : k));
  std::vector<std::int64_t> extents{samples};
  if (shape.flat)
    extents.push_back(shape.channels);
  else if (planes)
    extents.insert(extents.end(), {shape.channels, shape.height, shape.width});
  else
    extents.insert(extents.end(), {shape.height, shape.width, shape.channels});
  return npy_file(type == io::PixelType::uint8 ? "|u1" : "<f4", extents, values);
}

std::string GoldenSamples::vector_array(std::size_t which) const {
  const auto row = static_cast<std::size_t>(total_length(info.vectors));
  std::size_t before = 0;
  for (std::size_t k = 0; k < which; ++k) before += static_cast<std::size_t>(info.vectors[k].length);
  const auto length = static_cast<std::size_t>(info.vectors[which].length);
  std::vector<float> values;
  for (std::size_t i = 0; i < static_cast<std::size_t>(samples); ++i)
    values.insert(values.end(), vectors.begin() + static_cast<std::ptrdiff_t>(i * row + before),
                  vectors.begin() + static_cast<std::ptrdiff_t>(i * row + before + length));
  return npy_file("<f4", {samples, info.vectors[which].length}, std::as_bytes(std::span(values)));
}

std::string GoldenSamples::answer_array() const {
  const auto count = static_cast<std::int64_t>(probabilities.size());
  return npy_file("<f4", {samples, count / samples}, std::as_bytes(std::span(probabilities)));
}

}  // namespace annulus::trainer
