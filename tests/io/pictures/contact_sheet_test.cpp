// The sheet holds the originals, the variants and nothing else.
#include "io/pictures/contact_sheet.hpp"

#include <gtest/gtest.h>
#include <png.h>

#include <cstring>
#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using test::PatternSource;

struct Picture {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::vector<std::uint8_t> pixels;  ///< RGB
  std::uint8_t at(std::size_t row, std::size_t column, std::size_t channel) const {
    return pixels[(row * width + column) * 3 + channel];
  }
};

Picture load(const std::string& path) {
  png_image control{};
  control.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&control, path.c_str()) == 0) throw std::runtime_error(control.message);
  control.format = PNG_FORMAT_RGB;
  Picture picture{control.height, control.width, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(control))};
  if (png_image_finish_read(&control, nullptr, picture.pixels.data(), 0, nullptr) == 0)
    throw std::runtime_error(control.message);
  return picture;
}

std::string temporary(const std::string& name) { return testing::TempDir() + "contact_sheet_test_" + name; }

AugmentationOptions rotation() {
  AugmentationOptions options;
  options.rotation_range = 40;
  return options;
}

TEST(ContactSheet, ShowsOriginalsAndVariantsPixelByPixel) {
  const SampleShape shape{5, 4, 3};
  PatternSource source(30, shape);
  const std::string path = temporary("colour.png");

  write_contact_sheet(source, rotation(), 7, {.samples = 3, .variants = 2, .scale = 2}, path);

  const Picture picture = load(path);
  ASSERT_EQ(picture.height, 3u * (10 + 2) + 2);
  ASSERT_EQ(picture.width, 3u * (8 + 2) + 2);
  EXPECT_EQ(picture.at(0, 0, 0), 255) << "background";
  const Generator generator(source.info(), rotation(), {}, 7);
  const std::uint64_t sample = 10;  // of the second row: 30 samples in 3 rows
  std::vector<std::uint8_t> raw(60);
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = PatternSource::pixel(sample, i);
  std::vector<float> variant(60);
  generator.make(std::as_bytes(std::span(raw)), 1, sample, PixelLayout::channels_last, variant);
  for (std::size_t y = 0; y < 10; ++y) {
    for (std::size_t x = 0; x < 8; ++x)
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t i = (y / 2 * 4 + x / 2) * 3 + c;
        ASSERT_EQ(picture.at(2 + 12 + y, 2 + x, c), raw[i]);
        ASSERT_NEAR(picture.at(2 + 12 + y, 2 + 2 * 10 + x, c), variant[i], 0.5) << "rounding to 8 bits";
      }
  }
}

TEST(ContactSheet, StretchesFloatPixelsAndShowsOneChannelGrey) {
  PatternSource source(2, {4, 4, 1}, PixelType::float32);
  const std::string path = temporary("grey.png");

  write_contact_sheet(source, {}, 7, {.samples = 5, .variants = 0, .scale = 1}, path);

  const Picture picture = load(path);
  ASSERT_EQ(picture.height, 2u * (4 + 2) + 2) << "no more rows than samples";
  std::uint8_t lowest = 255;
  std::uint8_t highest = 0;
  for (std::size_t y = 2; y < 6; ++y)
    for (std::size_t x = 2; x < 6; ++x) lowest = std::min(lowest, picture.at(y, x, 0));
  for (std::size_t y = 2; y < 12; ++y)
    for (std::size_t x = 2; x < 6; ++x)
      if (y < 6 || y >= 8) highest = std::max(highest, picture.at(y, x, 1));
  EXPECT_EQ(lowest, 0);
  EXPECT_EQ(highest, 255);
}

/// Two float images: 100, 300, ... of which some values are not numbers.
class OddFloats final : public SampleSource {
 public:
  const SourceInfo& info() const override { return origin_.info(); }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    origin_.read(samples, buffers);
    const float values[] = {100, 300, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()};
    std::memcpy(buffers.pixels.data(), values, sizeof values);
  }

 private:
  PatternSource origin_{1, {1, 4, 1}, PixelType::float32};
};

TEST(ContactSheet, StretchesBetweenTheNumbersThereAre) {
  OddFloats source;
  const std::string path = temporary("odd.png");

  write_contact_sheet(source, {}, 7, {.samples = 1, .variants = 0, .scale = 1}, path);

  const Picture picture = load(path);
  EXPECT_EQ(picture.at(2, 2, 0), 0);
  EXPECT_EQ(picture.at(2, 3, 0), 255);
}

TEST(ContactSheet, RefusesWhatCannotBeShownOrWritten) {
  PatternSource source(2, {4, 4, 1});

  EXPECT_THROW(write_contact_sheet(source, {}, 1, {.samples = 0}, temporary("none.png")), UsageError);
  EXPECT_THROW(write_contact_sheet(source, {}, 1, {.scale = 9999}, temporary("huge.png")), UsageError);
  EXPECT_THROW(write_contact_sheet(source, {}, 1, {}, temporary("no/such/folder.png")), Error);
  EXPECT_FALSE(std::filesystem::exists(temporary("huge.png")));
}

TEST(ContactSheet, RefusesWhatIsTooLargeEitherWay) {
  PatternSource tall(2, {4000, 4, 1});
  PatternSource wide(2, {4, 4000, 1});
  const ContactSheetOptions options{.samples = 1, .variants = 0, .scale = 9};  // 36,000 of 32,768 pixels

  EXPECT_THROW(write_contact_sheet(tall, {}, 1, options, temporary("tall.png")), UsageError);
  EXPECT_THROW(write_contact_sheet(wide, {}, 1, options, temporary("wide.png")), UsageError);
}

TEST(ContactSheet, ShowsTheFirstOfTwoChannels) {
  PatternSource source(1, {3, 3, 2});
  const std::string path = temporary("two.png");

  write_contact_sheet(source, {}, 1, {.samples = 1, .variants = 0, .scale = 1}, path);

  const Picture picture = load(path);
  for (std::size_t y = 0; y < 3; ++y)
    for (std::size_t x = 0; x < 3; ++x)
      for (std::size_t c = 0; c < 3; ++c)  // grey
        ASSERT_EQ(picture.at(2 + y, 2 + x, c), PatternSource::pixel(0, (y * 3 + x) * 2));
}

TEST(ContactSheet, KeepsAPictureThatIsThere) {
  PatternSource source(2, {4, 4, 1});
  const std::string path = temporary("kept.png");
  std::filesystem::remove(path);
  write_contact_sheet(source, {}, 1, {.samples = 1, .scale = 1}, path);
  const Picture first = load(path);

  ContactSheetOptions taller{.samples = 2, .scale = 1, .existing = Existing::refuse};
  EXPECT_THROW(write_contact_sheet(source, {}, 1, taller, path), UsageError);
  EXPECT_EQ(load(path).height, first.height);
  taller.existing = Existing::replace;
  write_contact_sheet(source, {}, 1, taller, path);
  EXPECT_GT(load(path).height, first.height);
}

}  // namespace
}  // namespace annulus::io
