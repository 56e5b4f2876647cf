// What the numbers of a dataset mean: names as far as there are any, and the scale of pixels.
#include "io/dataset/signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Three images of one row of pixels, with a vector of two values beside each.
std::string write_file(const std::vector<std::string>& classes, const std::vector<std::string>& columns) {
  const std::string path = fresh_path("signature.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("test/images", {3, 1, 2, 1},
             std::span<const std::uint8_t>(std::vector<std::uint8_t>{0, 10, 20, 30, 40, 200}));
  file.write("test/labels", {3}, std::span<const std::int32_t>(std::vector<std::int32_t>{0, 1, 1}));
  file.write("test/track", {3, 2}, std::span<const float>(std::vector<float>(6)));
  if (!classes.empty()) file.set_attribute("/", "classes", classes);
  if (!columns.empty()) file.set_attribute("test/track", "columns", columns);
  file.close();
  return path;
}

std::unique_ptr<SampleSource> open(const std::string& path) {
  return open_dataset(
      {.path = path, .images = "test/images", .labels = "test/labels", .vectors = {{"track", "test/track"}}},
      make_private_memory);
}

TEST(DataSignature, HasTheNamesThatTheFileGives) {
  const auto source = open(write_file({"caf\xe9", "dog"}, {"p", "x"}));

  const DataSignature signature = signature_of(source->info(), 0.5);

  EXPECT_THAT(signature.classes, ElementsAre("caf\xe9", "dog"));
  ASSERT_EQ(signature.vectors.size(), 1u);
  EXPECT_EQ(signature.vectors[0].vector, "track");
  EXPECT_THAT(signature.vectors[0].columns, ElementsAre("p", "x"));
  EXPECT_EQ(signature.pixels.rescale, 0.5);
}

TEST(DataSignature, NumbersAreNotNames) {
  const auto source = open(write_file({}, {}));
  EXPECT_THAT(source->info().classes, ElementsAre("0", "1"));

  const DataSignature signature = signature_of(source->info(), 1);

  EXPECT_THAT(signature.classes, IsEmpty());
  EXPECT_THAT(signature.vectors[0].columns, IsEmpty());
}

TEST(DataSignature, AListThatDoesNotFitTheRowsNamesNoColumns) {
  const auto source = open(write_file({}, {"p", "x", "y"}));

  EXPECT_THAT(signature_of(source->info(), 1).vectors[0].columns, IsEmpty());
}

TEST(DataSignature, HasTheNamesOfFlatSamples) {
  const std::string path = fresh_path("flat.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("test/images", {2, 3}, std::span<const float>(std::vector<float>(6)));
  file.write("test/labels", {2}, std::span<const std::int32_t>(std::vector<std::int32_t>{0, 1}));
  file.set_attribute("test/images", "columns", std::vector<std::string>{"p", "x", "y"});
  file.close();
  const auto source =
      open_dataset({.path = path, .images = "test/images", .labels = "test/labels"}, make_private_memory);

  const DataSignature signature = signature_of(source->info(), 1);

  ASSERT_EQ(signature.vectors.size(), 1u);
  EXPECT_EQ(signature.vectors[0].vector, kFlatSamples);
  EXPECT_THAT(value_names(signature), ElementsAre("p", "x", "y"));
  EXPECT_THAT(value_names({}), IsEmpty());
}

TEST(MeasurePixels, LooksAtTheImagesFromTheFirstToTheLast) {
  const auto source = open(write_file({}, {}));

  const PixelFacts facts = measure_pixels(*source, 0.25);

  EXPECT_TRUE(facts.measured);
  EXPECT_EQ(facts.type, PixelType::uint8);
  EXPECT_EQ(facts.smallest, 0);
  EXPECT_EQ(facts.largest, 200);
  EXPECT_DOUBLE_EQ(facts.mean, 50);
  EXPECT_NEAR(facts.deviation, std::sqrt((2500 + 1600 + 900 + 400 + 100 + 22500) / 6.0), 1e-9);
}

/// Floats that are whole numbers but for one that is not finite.
class OneNotFinite final : public SampleSource {
 public:
  OneNotFinite() {
    info_.samples = 2;
    info_.shape = {1, 2, 1};
    info_.pixels = PixelType::float32;
  }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    auto* const values = reinterpret_cast<float*>(buffers.pixels.data());
    values[0] = static_cast<float>(samples[0]);
    values[1] = std::numeric_limits<float>::quiet_NaN();
  }

 private:
  SourceInfo info_;
};

TEST(MeasurePixels, LeavesOutWhatIsNotFinite) {
  OneNotFinite source;

  const PixelFacts facts = measure_pixels(source, 1);

  EXPECT_EQ(facts.largest, 1);
  EXPECT_EQ(facts.mean, 0.5);
}

PixelFacts facts(PixelType type, double smallest, double largest, double rescale = 1) {
  return {.type = type,
          .measured = true,
          .smallest = smallest,
          .largest = largest,
          .mean = 0.5 * (smallest + largest),
          .deviation = 0.25 * (largest - smallest),
          .rescale = rescale};
}

struct Scales {
  PixelFacts trained;
  PixelFacts given;
  PixelScale expected;
};

TEST(ComparePixels, TellsUnitsFromPictures) {
  constexpr auto kBytes = PixelType::uint8;
  constexpr auto kFloats = PixelType::float32;
  const PixelFacts usual = facts(kBytes, 0, 255, 1.0 / 255);
  const PixelFacts unknown{.type = kFloats};
  PixelFacts hot = facts(kFloats, 0, 255, 1.0 / 255);
  hot.largest = 65535;  // one pixel of a detector, say
  const std::vector<Scales> cases{
      {usual, hot, PixelScale::same},
      {usual, usual, PixelScale::same},
      {usual, facts(kFloats, 0, 1, 1.0 / 255), PixelScale::other},      // divided before, and again
      {usual, facts(kFloats, 0, 1, 1), PixelScale::same},               // what the message advises
      {usual, facts(kFloats, 0, 255, 1.0 / 255), PixelScale::same},     // the same numbers in another type
      {usual, facts(kBytes, 0, 90, 1.0 / 255), PixelScale::same},       // darker pictures
      {usual, facts(kBytes, 0, 10, 1.0 / 255), PixelScale::doubtful},   // much darker ones
      {usual, facts(kBytes, 0, 1, 1.0 / 255), PixelScale::other},       // masks of 0 and 1
      {usual, facts(kFloats, 0, 65535, 1.0 / 255), PixelScale::other},  // 16 bits
      {usual, facts(kFloats, -1, 1, 1), PixelScale::doubtful},          // centred
      {facts(kFloats, 0, 1), facts(kFloats, 0, 255), PixelScale::other},
      {facts(kFloats, 0, 255), facts(kFloats, 0, 1), PixelScale::other},
      {facts(kFloats, 0, 1), facts(kBytes, 0, 255), PixelScale::other},
      {facts(kFloats, -2, 3), facts(kFloats, 0, 1), PixelScale::doubtful},
      {facts(kFloats, -2, 3), facts(kFloats, -1.5, 2), PixelScale::same},
      {facts(kFloats, -1e-3, 1), facts(kFloats, 0, 1), PixelScale::same},  // rounding
      {usual, facts(kBytes, 0, 0, 1.0 / 255), PixelScale::same},           // all black: nothing to go by
      {usual, unknown, PixelScale::same},
      {unknown, usual, PixelScale::same}};

  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(compare_pixels(cases[i].trained, cases[i].given), cases[i].expected) << "case " << i;
}

TEST(JoinedNames, ComeBackWithAnyBytes) {
  const std::vector<std::string> names{"cat", "", "caf\xe9", "two\nlines", "\xf0\x9f\x90\x95"};

  EXPECT_EQ(split_names(joined_names(names)), names);
  EXPECT_THAT(split_names(joined_names({})), IsEmpty());
}

}  // namespace
}  // namespace annulus::io
