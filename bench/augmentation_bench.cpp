// Time to make one image on one core, by kind of augmentation.
#include <benchmark/benchmark.h>

#include "bench/usual_augmentation.hpp"
#include "io/augmentation/augmentation.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

AugmentationOptions crop_and_flip() {
  AugmentationOptions options;
  options.crop_padding = 4;
  options.horizontal_flip = true;
  return options;
}

AugmentationOptions whole_shift() {
  AugmentationOptions options;
  options.width_shift_range = 4;
  options.height_shift_range = 4;
  options.horizontal_flip = true;
  return options;
}

Normalisation cifar_normalisation() {
  return {.kind = Normalisation::Kind::given,
          .rescale = 1 / 255.0f,
          .mean = {0.4914f, 0.4822f, 0.4465f},
          .deviation = {0.2470f, 0.2435f, 0.2616f}};
}

void make_images(benchmark::State& state, const AugmentationOptions& options,
                 const Normalisation& normalisation, PixelLayout layout) {
  constexpr std::size_t kImages = 256;
  test::PatternSource source(kImages, {32, 32, 3});
  const auto size = static_cast<std::size_t>(source.info().shape.size());
  std::vector<std::uint64_t> samples(kImages);
  for (std::size_t i = 0; i < kImages; ++i) samples[i] = i;
  std::vector<std::byte> raw(kImages * size);
  std::vector<std::int32_t> labels(kImages);
  source.read(samples, {raw, labels});
  const Generator generator(source.info(), options, normalisation, 1);
  std::vector<float> output(size);
  std::uint64_t count = 0;
  for (auto _ : state) {
    const std::size_t i = count % kImages;
    generator.make(std::span(raw).subspan(i * size, size), count / kImages, i, layout, output);
    benchmark::DoNotOptimize(output.data());
    benchmark::ClobberMemory();
    ++count;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}

Normalisation per_sample() { return {.kind = Normalisation::Kind::per_sample, .mean = {}, .deviation = {}}; }

AugmentationOptions with_fill(FillMode mode) {
  AugmentationOptions options = full_affine();
  options.fill_mode = mode;
  return options;
}

constexpr auto kLast = PixelLayout::channels_last;
constexpr auto kFirst = PixelLayout::channels_first;

BENCHMARK_CAPTURE(make_images, normalise, {}, cifar_normalisation(), kLast);
BENCHMARK_CAPTURE(make_images, normalise_channels_first, {}, cifar_normalisation(), kFirst);
BENCHMARK_CAPTURE(make_images, normalise_per_sample, {}, per_sample(), kLast);
BENCHMARK_CAPTURE(make_images, crop_flip, crop_and_flip(), cifar_normalisation(), kLast);
BENCHMARK_CAPTURE(make_images, crop_flip_channels_first, crop_and_flip(), cifar_normalisation(), kFirst);
BENCHMARK_CAPTURE(make_images, whole_shift_flip, whole_shift(), cifar_normalisation(), kLast);
BENCHMARK_CAPTURE(make_images, affine, full_affine(), cifar_normalisation(), kLast);
BENCHMARK_CAPTURE(make_images, affine_channels_first, full_affine(), cifar_normalisation(), kFirst);
BENCHMARK_CAPTURE(make_images, affine_reflect, with_fill(FillMode::reflect), cifar_normalisation(), kLast);
BENCHMARK_CAPTURE(make_images, affine_constant, with_fill(FillMode::constant), cifar_normalisation(), kLast);

}  // namespace
}  // namespace annulus::io

BENCHMARK_MAIN();
