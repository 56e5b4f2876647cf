// The sheet holds the originals, the variants and nothing else.
#include "io/pictures/contact_sheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "io/pictures/image_codec.hpp"
#include "io/pictures/sample_choice.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using test::PatternSource;
using testing::HasSubstr;

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

/// A source that knows its labels.
class Labelled final : public SampleSource {
 public:
  Labelled(std::vector<std::int32_t> labels, SampleShape shape)
      : labels_(std::move(labels)), origin_(labels_.size(), shape) {}
  const SourceInfo& info() const override { return origin_.info(); }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    origin_.read(samples, buffers);
  }

 private:
  std::vector<std::int32_t> labels_;
  PatternSource origin_;
};

/// `count` labels that are dealt out class by class: 0, 1, ..., 0, 1, ...
std::vector<std::int32_t> dealt_labels(int count, int classes) {
  std::vector<std::int32_t> labels;
  labels.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) labels.push_back(i % classes);
  return labels;
}

TEST(ContactSheet, ShowsOriginalsAndVariantsPixelByPixel) {
  const SampleShape shape{5, 4, 3};
  Labelled source(dealt_labels(30, 3), shape);
  const std::string path = temporary("colour.png");

  write_contact_sheet(source, rotation(), 7, {.samples = 3, .variants = 2, .scale = 2}, path);

  const Picture picture = load(path);
  ASSERT_EQ(picture.height, 3u * (10 + 2) + 2);
  ASSERT_EQ(picture.width, 3u * (8 + 2) + 2);
  EXPECT_EQ(picture.at(0, 0, 0), 255) << "background";
  const Generator generator(source.info(), rotation(), {}, 7);
  const std::uint64_t sample = 16;  // of the second row: the middle one of class 1, which has 1, 4, ... 28
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
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
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

TEST(ContactSheet, ShowsMixturesOfItsRows) {
  PatternSource source(2, {4, 4, 1});
  const AugmentationOptions options{.mixup = 1};
  const std::string path = temporary("mixed.png");

  const std::string shown =
      write_contact_sheet(source, options, 7, {.samples = 2, .variants = 1, .scale = 1}, path);

  EXPECT_NE(shown.find("augmentation.mixup = 1"), std::string::npos) << shown;
  const Picture picture = load(path);
  const std::vector<std::uint64_t> samples{0, 1};
  std::vector<float> shares(2);
  Generator(source.info(), options, {}, 7).draw_shares(0, samples, shares);
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t y = 2 + 6 * row + i / 4, x = 2 + 6 + i % 4;
      const float own = PatternSource::pixel(row, i), other = PatternSource::pixel(1 - row, i);
      ASSERT_NEAR(picture.at(y, x, 0), shares[row] * own + (1 - shares[row]) * other, 1) << row << " " << i;
    }
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

TEST(ContactSheet, ShowsTwoChannelsSideBySide) {
  PatternSource source(1, {3, 3, 2});
  const std::string path = temporary("two.png");

  const std::string shown =
      write_contact_sheet(source, {}, 1, {.samples = 1, .variants = 0, .scale = 1}, path);

  const Picture picture = load(path);
  EXPECT_EQ(picture.width, 2u + 3 + 1 + 3 + 2);
  EXPECT_EQ(picture.at(3, 5, 0), 255) << "between them";
  for (std::size_t y = 0; y < 3; ++y)
    for (std::size_t x = 0; x < 3; ++x)
      for (std::size_t channel = 0; channel < 2; ++channel)
        ASSERT_EQ(picture.at(2 + y, 2 + 4 * channel + x, 0),
                  PatternSource::pixel(0, (y * 3 + x) * 2 + channel));
  EXPECT_THAT(shown, HasSubstr("Side by side: 2 of 2 channels"));
}

/// Counts of hits: channel 0 from 0 to 4, channel 1 nothing.
class Hits final : public SampleSource {
 public:
  const SourceInfo& info() const override { return origin_.info(); }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t>, const SampleBuffers& buffers) override {
    for (std::size_t i = 0; i < buffers.pixels.size(); ++i)
      buffers.pixels[i] = static_cast<std::byte>(i % 2 == 0 ? i / 2 : 0);
  }

 private:
  PatternSource origin_{1, {1, 5, 2}};
};

TEST(ContactSheet, CountsAreDrawnFromBlackToWhite) {
  Hits source;
  const std::string path = temporary("hits.png");

  const std::string shown =
      write_contact_sheet(source, {}, 1, {.samples = 1, .variants = 0, .scale = 1}, path);

  const Picture picture = load(path);
  for (std::size_t x = 0; x < 5; ++x) {
    EXPECT_NEAR(picture.at(2, 2 + x, 0), 255.0 * static_cast<double>(x) / 4, 0.5) << x;
    EXPECT_EQ(picture.at(2, 2 + 6 + x, 0), 0) << x;
  }
  EXPECT_THAT(shown, HasSubstr("From black to white: 0 to 4 of channel 0."));
}

TEST(ContactSheet, ReadsBackAsItWasDrawn) {
  PatternSource colour(3, {4, 4, 3});
  PatternSource grey(3, {4, 4, 1});
  const std::string path = temporary("back.png");
  for (PatternSource* source : {&colour, &grey}) {
    write_contact_sheet(*source, {}, 1, {.samples = 3, .variants = 0, .scale = 1}, path);
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    ImageDecoder decoder;

    EXPECT_EQ(decoder.decode(std::as_bytes(std::span(bytes)), {}, path).pixels, load(path).pixels);
  }
}

TEST(ContactSheet, ShowsAsManyOfEachClass) {
  const auto rows = [](std::vector<std::int32_t> labels, int samples) {
    Labelled source(std::move(labels), {4, 4, 1});
    const std::string shown = write_contact_sheet(
        source, {}, 1, {.samples = samples, .variants = 0, .scale = 1}, temporary("rows.png"));
    return shown.substr(0, shown.find('.'));
  };

  EXPECT_EQ(rows(dealt_labels(2000, 10), 8), "Rows: samples 1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008");
  EXPECT_EQ(rows({1, 0, 1, 1, 1, 1}, 4), "Rows: samples 1, 0, 3, 5")
      << "one of class 0, the others of class 1";
  EXPECT_EQ(rows({0, 0, 2}, 9), "Rows: samples 0, 1, 2") << "not more than there are";
}

TEST(ContactSheet, WithoutLabelsNoDistanceIsFixed) {
  PatternSource source(2000, {4, 4, 1});

  const std::vector<std::uint64_t> chosen = choose_samples(source, 8);

  std::set<std::uint64_t> different(chosen.begin(), chosen.end());
  std::set<std::uint64_t> of_ten;
  for (const std::uint64_t sample : chosen) of_ten.insert(sample % 10);
  EXPECT_EQ(different.size(), 8u);
  EXPECT_GE(of_ten.size(), 4u);
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
