// The generator from raw pixels to network input: each stage by hand on small images, layouts, pixel types,
// and the promise that a sample depends on its key alone.
#include "io/augmentation/augmentation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <thread>

#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Floats = std::vector<float>;

SourceInfo info_of(const SampleShape& shape, PixelType pixels = PixelType::uint8) {
  return test::PatternSource(1, shape, pixels).info();
}

struct Key {
  std::uint64_t epoch = 0;
  std::uint64_t sample = 0;
};

template <class Value>
Floats made(const Generator& generator, const std::vector<Value>& raw, Key key = {},
            PixelLayout layout = PixelLayout::channels_last) {
  Floats output(raw.size());
  generator.make(std::as_bytes(std::span(raw)), key.epoch, key.sample, layout, output);
  return output;
}

Bytes picture(const SampleShape& shape) {
  Bytes raw(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = test::PatternSource::pixel(3, i);
  return raw;
}

AugmentationOptions everything() {
  AugmentationOptions options;
  options.rotation_range = 30;
  options.width_shift_range = 0.25f;
  options.zoom_low = 0.8f;
  options.zoom_high = 1.25f;
  options.horizontal_flip = true;
  options.brightness_low = 0.5f;
  options.brightness_high = 1.5f;
  options.channel_shift_range = 20;
  options.crop_padding = 2;
  options.cutout_size = 3;
  return options;
}

/// All images that the generator makes of a picture over many samples.
std::set<Floats> variants(const AugmentationOptions& options, const SampleShape& shape, const Bytes& raw) {
  const Generator generator(info_of(shape), options, {}, 1);
  std::set<Floats> images;
  for (std::uint64_t sample = 0; sample < 200; ++sample) images.insert(made(generator, raw, {0, sample}));
  return images;
}

TEST(Generator, NormalisesByRescalingMeanAndDeviation) {
  const Normalisation normalisation{
      .kind = Normalisation::Kind::given, .rescale = 0.5f, .mean = {1, 2}, .deviation = {2, 4}};
  const Generator generator(info_of({1, 2, 2}), {}, normalisation, 1);

  EXPECT_EQ(made(generator, Bytes{10, 20, 2, 4}), (Floats{2, 2, 0, 0}));
}

TEST(Generator, OnlyRescalesWithoutNormalisation) {
  const Generator generator(info_of({1, 2, 1}), {}, {.rescale = 0.25f, .mean = {}, .deviation = {}}, 1);

  EXPECT_EQ(made(generator, Bytes{4, 255}), (Floats{1, 63.75f}));
}

TEST(Generator, NormalisesEachSampleByItself) {
  const Normalisation normalisation{
      .kind = Normalisation::Kind::per_sample, .rescale = 0.1f, .mean = {}, .deviation = {}};
  const Generator generator(info_of({1, 4, 1}), {}, normalisation, 1);

  const Floats image = made(generator, Bytes{0, 100, 0, 100});

  // Mean 5, deviation 5; the 1e-6 in the divisor moves the result by 2e-7.
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(image[i], i % 2 == 0 ? -1 : 1, 1e-6);
  for (const std::uint8_t level : {7, 130, 255})
    for (const float value : made(generator, Bytes(4, level))) EXPECT_EQ(value, 0) << "a constant image";
}

TEST(Generator, FlipsHalfOfTheSamples) {
  AugmentationOptions horizontal;
  horizontal.horizontal_flip = true;
  AugmentationOptions vertical;
  vertical.vertical_flip = true;
  const Bytes raw{1, 2, 3, 4, 5, 6};  // two rows of three

  EXPECT_EQ(variants(horizontal, {2, 3, 1}, raw), (std::set<Floats>{{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}}));
  EXPECT_EQ(variants(vertical, {2, 3, 1}, raw), (std::set<Floats>{{1, 2, 3, 4, 5, 6}, {4, 5, 6, 1, 2, 3}}));
}

TEST(Generator, CropsFromThePaddedImage) {
  AugmentationOptions options;
  options.crop_padding = 1;
  const Bytes raw{1, 2, 3, 4};

  const auto zero = variants(options, {2, 2, 1}, raw);
  options.crop_fill_mode = FillMode::reflect;
  const auto reflected = variants(options, {2, 2, 1}, raw);

  EXPECT_EQ(zero, (std::set<Floats>{{0, 0, 0, 1},
                                    {0, 0, 1, 2},
                                    {0, 0, 2, 0},
                                    {0, 1, 0, 3},
                                    {1, 2, 3, 4},
                                    {2, 0, 4, 0},
                                    {0, 3, 0, 0},
                                    {3, 4, 0, 0},
                                    {4, 0, 0, 0}}));
  EXPECT_TRUE(reflected.count({1, 1, 1, 1}));
  EXPECT_TRUE(reflected.count({1, 2, 1, 2}));
}

TEST(Generator, PaddingOfACropIsNotBrightened) {
  AugmentationOptions options;
  options.crop_padding = 1;
  options.constant_value = 9;
  options.brightness_low = options.brightness_high = 2;

  for (const Floats& image : variants(options, {1, 1, 1}, Bytes{50}))
    EXPECT_TRUE(image[0] == 9 || image[0] == 100) << image[0];
}

TEST(Generator, ShiftsWholePixels) {
  AugmentationOptions options;
  options.width_shift_range = 1;
  const Bytes raw{10, 20, 30};

  EXPECT_EQ(variants(options, {1, 3, 1}, raw), (std::set<Floats>{{10, 20, 30}, {10, 10, 20}, {20, 30, 30}}));
  options.fill_mode = FillMode::wrap;
  EXPECT_EQ(variants(options, {1, 3, 1}, raw), (std::set<Floats>{{10, 20, 30}, {30, 10, 20}, {20, 30, 10}}));
}

/// Keras 3.15.1: apply_channel_shift of [10, 200] by 100 gives [110, 200].
TEST(Generator, ClipsAChannelShiftToTheRangeOfTheImage) {
  AugmentationOptions options;
  options.channel_shift_range = 150;
  options.channel_shift_clip = ShiftClip::image;

  int lighter = 0, darker = 0;
  for (const Floats& image : variants(options, {1, 2, 1}, Bytes{10, 200})) {
    lighter += image[0] > 10 && image[1] == 200;
    darker += image[0] == 10 && image[1] < 200;
  }
  EXPECT_GT(lighter, 50) << "of 200";
  EXPECT_GT(darker, 50);
  const Generator on_floats(info_of({1, 2, 1}, PixelType::float32), options, {}, 1);
  for (std::uint64_t sample = 0; sample < 50; ++sample) {
    const Floats image = made(on_floats, Floats{-1, 1}, {0, sample});
    EXPECT_GE(image[0], -1);
    EXPECT_LE(image[1], 1);
  }
}

TEST(Generator, ClipsBrightnessAndChannelShiftToThePixelRange) {
  AugmentationOptions brighter;
  brighter.brightness_low = brighter.brightness_high = 3;
  AugmentationOptions shifted;
  shifted.channel_shift_range = 200;

  EXPECT_EQ(variants(brighter, {1, 2, 1}, Bytes{50, 100}), (std::set<Floats>{{150, 255}}));
  for (const Floats& image : variants(shifted, {1, 2, 1}, Bytes{50, 100})) {
    EXPECT_GE(image[0], 0);
    EXPECT_LE(image[1], 255);
    if (image[0] > 0 && image[1] < 255) {
      EXPECT_NEAR(image[1] - image[0], 50, 1e-4);
    }
  }
}

TEST(Generator, FloatPixelsHaveNoRangeToClipTo) {
  AugmentationOptions brighter;
  brighter.brightness_low = brighter.brightness_high = 3;
  const Generator generator(info_of({1, 2, 1}, PixelType::float32), brighter, {}, 1);

  EXPECT_EQ(made(generator, Floats{-2, 100}), (Floats{-6, 300}));
}

TEST(Generator, CutsOutASquare) {
  AugmentationOptions options;
  options.cutout_size = 2;
  const SampleShape shape{5, 6, 2};
  const Normalisation normalisation{
      .kind = Normalisation::Kind::given, .rescale = 1, .mean = {1, 2}, .deviation = {1, 1}};
  const Generator generator(info_of(shape), options, normalisation, 1);
  const Bytes raw(60, 200);
  for (std::uint64_t sample = 0; sample < 100; ++sample) {
    for (const PixelLayout layout : {PixelLayout::channels_last, PixelLayout::channels_first}) {
      const Floats image = made(generator, raw, {0, sample}, layout);

      const auto zeros = std::count(image.begin(), image.end(), 0.0f);
      // The centre lies anywhere in the image, so a row or column of the square may fall outside.
      EXPECT_TRUE(zeros == 8 || zeros == 4 || zeros == 2) << zeros;
    }
  }
}

TEST(Generator, ChannelsFirstHoldsTheSamePixels) {
  for (const std::int64_t channels : {1, 2, 3, 5}) {
    const SampleShape shape{7, 9, channels};
    const Bytes raw = picture(shape);
    for (const AugmentationOptions& options : {AugmentationOptions{}, everything()}) {
      const Generator generator(info_of(shape), options, {.rescale = 0.1f, .mean = {}, .deviation = {}}, 1);
      const Floats last = made(generator, raw, {1, 2});
      const Floats first = made(generator, raw, {1, 2}, PixelLayout::channels_first);
      const auto count = static_cast<std::size_t>(channels);
      for (std::size_t i = 0; i < last.size(); ++i)
        ASSERT_EQ(first[(i % count) * 63 + i / count], last[i]) << channels << " channels, value " << i;
    }
  }
}

TEST(Generator, FloatAndBytePixelsGiveTheSameBits) {
  const SampleShape shape{8, 8, 3};
  const Bytes raw = picture(shape);
  AugmentationOptions options = everything();
  options.channel_shift_range = 0;  // clipping differs on purpose
  options.brightness_low = options.brightness_high = 1;

  const Generator bytes(info_of(shape), options, {}, 1);
  const Generator floats(info_of(shape, PixelType::float32), options, {}, 1);

  EXPECT_EQ(made(bytes, raw, {2, 3}), made(floats, Floats(raw.begin(), raw.end()), {2, 3}));
}

TEST(Generator, ShortcutsChangeNothing) {
  const SampleShape shape{8, 8, 3};
  const Bytes raw = picture(shape);
  const Normalisation normalisation{.kind = Normalisation::Kind::given,
                                    .rescale = 1 / 255.0f,
                                    .mean = {0.4f, 0.5f, 0.6f},
                                    .deviation = {0.2f, 0.3f, 0.4f}};
  AugmentationOptions nearly_nothing;
  nearly_nothing.rotation_range = 1e-6f;

  EXPECT_EQ(made(Generator(info_of(shape), {}, normalisation, 1), raw),
            made(Generator(info_of(shape), nearly_nothing, normalisation, 1), raw));
}

TEST(Generator, ASampleDependsOnItsKeyAlone) {
  const SampleShape shape{8, 8, 3};
  const Bytes raw = picture(shape);
  const Generator generator(info_of(shape), everything(), {}, 1);
  std::vector<Floats> forwards(40);
  std::vector<Floats> backwards(40);

  for (std::size_t i = 0; i < 40; ++i) forwards[i] = made(generator, raw, {0, i});
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < 4; ++part)
    threads.emplace_back([&, part] {
      for (std::size_t i = 40; i-- > 0;)
        if (i % 4 == part) backwards[i] = made(generator, raw, {0, i});
    });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(forwards, backwards);
  EXPECT_NE(forwards[0], forwards[1]);
  EXPECT_NE(forwards[0], made(generator, raw, {1, 0}));
  EXPECT_NE(forwards[0], made(Generator(info_of(shape), everything(), {}, 2), raw, {0, 0}));
}

TEST(Generator, ImagesOfChangingSizesShareAThread) {
  for (const std::int64_t size : {4, 32, 3, 17}) {
    const SampleShape shape{size, size + 1, 3};
    AugmentationOptions options;
    options.rotation_range = 40;
    const Bytes raw(static_cast<std::size_t>(shape.size()), 77);

    for (const float value : made(Generator(info_of(shape), options, {}, 1), raw)) ASSERT_EQ(value, 77);
  }
}

}  // namespace
}  // namespace annulus::io
