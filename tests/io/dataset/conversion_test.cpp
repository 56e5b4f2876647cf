// Images and labels of other types, shapes and orders of axes: what loses nothing is read, resident and
// streamed alike; what does is refused with the row.
#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <map>

#include <bit>
#include <numeric>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "tests/io/foreign_hdf5.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kRows = 6;
constexpr std::int64_t kHeight = 2;
constexpr std::int64_t kWidth = 3;
constexpr std::int64_t kChannels = 2;

/// The pixel that every test writes in one form or another.
int pixel(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return static_cast<int>(1000 * n + 100 * h + 10 * w + c) % 120;
}

/// Stored images, axis by axis in the order of `axes` ("NHWC", "NCWH", "NWH").
template <class Value>
std::vector<Value> images(const std::string& axes, Extents* extents) {
  const auto size_of_axis = [&](char axis) {
    return axis == 'N' ? kRows : axis == 'H' ? kHeight : axis == 'W' ? kWidth : kChannels;
  };
  extents->clear();
  for (const char axis : axes) extents->push_back(size_of_axis(axis));
  std::vector<Value> values;
  std::vector<std::int64_t> at(axes.size(), 0);
  for (std::int64_t i = 0; i < element_count(*extents); ++i) {
    std::int64_t rest = i;
    for (std::size_t k = axes.size(); k-- > 0; rest /= (*extents)[k]) at[k] = rest % (*extents)[k];
    const auto index = [&](char axis) {
      const std::size_t found = axes.find(axis);
      return found == std::string::npos ? 0 : at[found];
    };
    values.push_back(static_cast<Value>(pixel(index('N'), index('H'), index('W'), index('C'))));
  }
  return values;
}

const std::vector<std::int64_t> kLabels{0, 1, 2, 0, 1, 2};

template <class Value>
std::string write_images(const std::string& axes, std::int64_t chunk_rows = 0) {
  const std::string path = fresh_path("data.h5");
  Hdf5File file = Hdf5File::create(path);
  Extents extents;
  const std::vector<Value> values = images<Value>(axes, &extents);
  file.write("train/images", extents, std::span<const Value>(values), {.chunk_rows = chunk_rows});
  file.write("train/labels", {kRows}, std::span<const std::int64_t>(kLabels));
  file.close();
  return path;
}

std::unique_ptr<SampleSource> open(const DatasetOptions& options) {
  return open_dataset(options, make_private_memory);
}

std::string open_error(const DatasetOptions& options) {
  return error_of([&] { open(options); });
}

/// Compares every pixel with the formula, whatever type it is given out as.
void expect_pixels(SampleSource& source, std::int64_t channels) {
  ASSERT_EQ(source.info().shape, (SampleShape{kHeight, kWidth, channels}));
  const std::vector<std::uint64_t> samples{5, 0, 3};
  const auto values = static_cast<std::size_t>(source.info().shape.size());
  std::vector<std::byte> block(samples.size() * values * size_of(source.info().pixels));
  std::vector<std::int32_t> numbers(samples.size());
  source.read(samples, {block, numbers});
  for (std::size_t i = 0; i < samples.size() * values; ++i) {
    float value = 0;
    if (source.info().pixels == PixelType::uint8)
      value = static_cast<float>(block[i]);
    else
      std::memcpy(&value, block.data() + i * sizeof value, sizeof value);
    const auto at = static_cast<std::int64_t>(i % values);
    const auto n = static_cast<std::int64_t>(samples[i / values]);
    ASSERT_EQ(value,
              static_cast<float>(pixel(n, at / channels / kWidth, at / channels % kWidth, at % channels)))
        << "sample " << n << ", value " << at;
  }
}

/// Resident, in runs and in chunks.
template <class Value>
void expect_read_everywhere(const std::string& axes, ImageAxes named, PixelType pixels) {
  const std::int64_t channels = axes.find('C') == std::string::npos ? 1 : kChannels;
  for (const std::int64_t chunk_rows : {0, 4}) {
    for (const std::uint64_t resident : {std::uint64_t{0}, std::uint64_t{1} << 20}) {
      SCOPED_TRACE(axes + ", chunks of " + std::to_string(chunk_rows));
      const auto source =
          open({.path = write_images<Value>(axes, chunk_rows), .axes = named, .resident_bytes = resident});
      EXPECT_EQ(source->info().pixels, pixels);
      expect_pixels(*source, channels);
    }
  }
}

TEST(Conversion, PixelsOfAnyNumberType) {
  expect_read_everywhere<std::uint8_t>("NHWC", ImageAxes::automatic, PixelType::uint8);
  expect_read_everywhere<float>("NHW", ImageAxes::automatic, PixelType::float32);
  expect_read_everywhere<double>("NHWC", ImageAxes::automatic, PixelType::float32);
  expect_read_everywhere<std::int32_t>("NHWC", ImageAxes::automatic, PixelType::float32);
  expect_read_everywhere<std::int64_t>("NHW", ImageAxes::automatic, PixelType::float32);
  expect_read_everywhere<std::uint64_t>("NHWC", ImageAxes::automatic, PixelType::float32);
}

TEST(Conversion, AxesInAnyOrder) {
  for (const ImageAxes axes : {ImageAxes::nhwc, ImageAxes::nhcw, ImageAxes::nwhc, ImageAxes::nwch,
                               ImageAxes::nchw, ImageAxes::ncwh, ImageAxes::nhw, ImageAxes::nwh}) {
    expect_read_everywhere<std::uint8_t>(word_of(axes), axes, PixelType::uint8);
    expect_read_everywhere<float>(word_of(axes), axes, PixelType::float32);
  }
  EXPECT_THAT(open_error({.path = write_images<float>("NHW"), .axes = ImageAxes::nchw}),
              AllOf(HasSubstr("train/images: has the shape (6, 2, 3)"), HasSubstr("(now NCHW)"),
                    HasSubstr("Set data.axes to auto if it is (N, H, W)"), Not(HasSubstr("Reshape"))));
}

TEST(Conversion, WholeNumbersThatFloat32CannotHoldAreRefused) {
  const std::string path = fresh_path("large.h5");
  std::vector<std::int64_t> values(4, 1 << 24);
  values[3] = (1 << 24) + 1;
  Hdf5File file = Hdf5File::create(path);
  file.write("images", {4, 1, 1, 1}, std::span<const std::int64_t>(values));
  file.close();

  EXPECT_THAT(open_error({.path = path, .images = "images", .labels = ""}),
              HasSubstr("images: row 3 holds the pixel 16777217, which float32 cannot hold"));
  EXPECT_EQ(open_error({.path = path, .images = "images", .labels = "", .limit = 3}), "");
}

/// The labels of `values` with these extents, or the error.
template <class Value>
std::string labels_of(const std::vector<Value>& values, const Extents& extents, std::int64_t first = 0,
                      const std::vector<std::string>& classes = {}) {
  const std::string path = fresh_path("labels.h5");
  const std::vector<std::uint8_t> pixels(4);
  Hdf5File file = Hdf5File::create(path);
  file.write("images", {4, 1, 1, 1}, std::span<const std::uint8_t>(pixels));
  file.write("labels", extents, std::span<const Value>(values));
  if (!classes.empty()) file.set_attribute("/", "classes", classes);
  file.close();
  std::string text;
  const std::string error = error_of([&] {
    const auto source = open({.path = path, .images = "images", .labels = "labels", .first_label = first});
    for (const std::int32_t label : source->all_labels()) text += std::to_string(label) + " ";
    text += "of " + source->info().classes.front() + ".." + source->info().classes.back();
  });
  return error.empty() ? text : error;
}

TEST(Conversion, LabelsOfManyForms) {
  const std::vector<std::int32_t> whole{2, 0, 1, 0};
  const std::vector<double> reals{2, 0, 1, 0};
  const std::vector<float> one_hot{0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0};

  EXPECT_EQ(labels_of(whole, {4, 1, 1, 1}), "2 0 1 0 of 0..2");
  EXPECT_EQ(labels_of(whole, {1, 4}), "2 0 1 0 of 0..2") << "a column of MATLAB";
  EXPECT_EQ(labels_of(reals, {4}), "2 0 1 0 of 0..2");
  EXPECT_EQ(labels_of(reals, {1, 4}), "2 0 1 0 of 0..2");
  EXPECT_EQ(labels_of(one_hot, {4, 3}), "2 0 1 0 of 0..2");
  EXPECT_EQ(labels_of(std::vector<std::uint8_t>(one_hot.begin(), one_hot.end()), {4, 3}), "2 0 1 0 of 0..2");
}

TEST(Conversion, WhatNamesNoClassIsRefusedWithoutAdviceThatLosesIt) {
  const std::vector<std::int32_t> several{1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0};
  EXPECT_THAT(labels_of(several, {4, 3}),
              AllOf(HasSubstr("row 1 marks 2 classes"), HasSubstr("multi-label"), Not(HasSubstr("argmax"))));
  EXPECT_THAT(labels_of(std::vector<std::int32_t>(12), {4, 3}), HasSubstr("row 0 marks no classes"));
  EXPECT_THAT(labels_of(std::vector<float>{0.5, 0.5, 0, 1, 1, 0, 0, 1}, {4, 2}),
              AllOf(HasSubstr("row 0 is not one-hot"), Not(HasSubstr("argmax"))));
  EXPECT_THAT(labels_of(std::vector<double>{0, 1, 0.7, 1}, {4}),
              AllOf(HasSubstr("row 2 has the label 0.7"), Not(HasSubstr("astype"))));
  EXPECT_THAT(labels_of(std::vector<std::int32_t>(8), {2, 4}), HasSubstr("has 2"));
  EXPECT_THAT(labels_of(std::vector<std::int32_t>(8), {4, 2, 1}), HasSubstr("has the shape (4, 2, 1)"));
}

TEST(Conversion, LabelsThatCountFromOneAreToldFromWrongOnes) {
  const std::vector<std::int32_t> from_one{1, 2, 3, 1};

  EXPECT_THAT(labels_of(from_one, {4}, 0, {"a", "b", "c"}),
              AllOf(HasSubstr("row 2 has the label 3"), HasSubstr("label 0 never occurs"),
                    HasSubstr("data.first_label to 1"), Not(HasSubstr("complete the list"))));
  EXPECT_EQ(labels_of(from_one, {4}, 1, {"a", "b", "c"}), "0 1 2 0 of a..c");
  EXPECT_EQ(labels_of(from_one, {4}, 1), "0 1 2 0 of 1..3") << "classes are called as in the file";
  EXPECT_THAT(labels_of(std::vector<std::int32_t>{1, 0, 3, 1}, {4}, 1),
              AllOf(HasSubstr("class numbers start at 1"), HasSubstr("set data.first_label=0")));
  EXPECT_THAT(labels_of(std::vector<std::int32_t>{1, -3, 3, 1}, {4}, 1),
              AllOf(HasSubstr("class numbers start at 1"), Not(HasSubstr("first_label="))));
  EXPECT_THAT(labels_of(std::vector<std::int32_t>{1, -1, -1, 1}, {4}), HasSubstr("(labels + 1) // 2"));
}

TEST(Conversion, AFileThatIsWrittenToWhileItIsReadIsNamed) {
  const std::string path = write_images<std::uint8_t>("NHWC", 4);
  const auto streamed = open({.path = path, .resident_bytes = 0});
  const auto resident = open({.path = path});
  expect_pixels(*streamed, kChannels);
  const auto written = std::filesystem::last_write_time(path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('x');
  }
  // The clock of a file system is coarse; a writer comes seconds later.
  std::filesystem::last_write_time(path, written + std::chrono::seconds(2));

  EXPECT_THAT(
      error_of([&] { streamed->check_unchanged(); }),
      AllOf(HasSubstr("data.h5: was written to while it is being read"), HasSubstr("time of writing")));
  EXPECT_EQ(error_of([&] { resident->check_unchanged(); }), "") << "it lies in memory";
}

TEST(Conversion, AFileThatIsReplacedByAnotherIsReadOn) {
  const std::string path = write_images<std::uint8_t>("NHWC");
  const auto streamed = open({.path = path, .resident_bytes = 0});
  std::filesystem::rename(write_images<float>("NHW"), path);

  streamed->check_unchanged();
  expect_pixels(*streamed, kChannels);
}

TEST(Conversion, ProgramsWithReversedAxesAreRecognised) {
  const std::string path = write_images<std::uint8_t>("NWH");
  {
    Hdf5File file = Hdf5File::open_to_change(path);
    file.set_attribute("train/images", "MATLAB_class", "uint8");
    file.create_group("octave");
    file.write("octave/value", {kRows, 1, 1}, std::span<const std::int64_t>(kLabels));
    file.set_attribute("octave", "OCTAVE_NEW_FORMAT", std::int64_t{1});
    file.close();
  }
  const auto writer_of = [&](const std::string& images) {
    return open({.path = path, .images = images})->info().stored.reversed_by;
  };

  EXPECT_EQ(writer_of("train/images"), "MATLAB");
  EXPECT_EQ(writer_of("octave/value"), "Octave");
  EXPECT_EQ(open({.path = write_images<float>("NHW")})->info().stored.reversed_by, "");
  expect_pixels(*open({.path = path, .axes = ImageAxes::nwh}), 1);
}

/// What opening says.
std::string said_of(const DatasetOptions& options) {
  testing::internal::CaptureStderr();
  open(options);
  return testing::internal::GetCapturedStderr();
}

TEST(Conversion, WhatNamedAxesAndLabelsDoIsSaid) {
  const std::string path = write_images<std::uint8_t>("NCHW");

  EXPECT_THAT(said_of({.path = path, .axes = ImageAxes::nchw}),
              AllOf(HasSubstr("axes NCHW in the file (data.axes)"), Not(HasSubstr("warning"))));
  EXPECT_THAT(said_of({.path = path}), Not(HasSubstr("data.axes")));
  const auto labels = [](std::int64_t first) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(labels_of(std::vector<std::int64_t>{first, first + 1, first, first}, {4}, first, {"a", "b"}),
              "0 1 0 0 of a..b");
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(labels(1), HasSubstr("labels count from 1 in the file (data.first_label): 1 is a"));
  EXPECT_THAT(labels(0), Not(HasSubstr("data.first_label")));
}

TEST(Conversion, LabelsAndPixelsOfAnotherFormAreSaid) {
  const auto said = [](const std::vector<std::int32_t>& labels, const Extents& extents) {
    testing::internal::CaptureStderr();
    labels_of(labels, extents);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said({2, 0, 1, 0}, {4, 1, 1, 1}),
              HasSubstr("labels: (4, 1, 1, 1) is read as a class number for each of 4 samples."));
  EXPECT_THAT(said({2, 0, 1, 0}, {1, 4}), HasSubstr("(1, 4) is read as a class number for each of 4"));
  EXPECT_EQ(said({2, 0, 1, 0}, {4}), "");

  const std::string path = fresh_path("bool.h5");
  Hdf5File::create(path).close();
  write_bools(path, "train/images", {4, 1, 1, 1}, {1, 0, 1, 1});
  write_bools(path, "train/labels", {4, 1}, {0, 1, 1, 0});
  for (const std::uint64_t resident : {0, 1 << 20}) {
    const auto source = open({.path = path, .resident_bytes = resident});
    EXPECT_THAT(source->all_labels(), ElementsAre(0, 1, 1, 0));
    EXPECT_EQ(source->info().pixels, PixelType::float32);
  }
  EXPECT_THAT(said_of({.path = path}),
              AllOf(HasSubstr("train/images: bool pixels are read as float32"),
                    HasSubstr("bool values are read as class numbers, false as 0 and true as 1; (4, 1) is")));
}

/// A file whose classes are named where a split is, with these lists.
std::string named_file(const std::vector<std::string>& root, const std::vector<std::string>& group,
                       const std::vector<std::string>& labels) {
  const std::string path = write_images<std::uint8_t>("NHWC");
  Hdf5File file = Hdf5File::open_to_change(path);
  for (const auto& [object, names] :
       {std::pair{"/", &root}, std::pair{"train", &group}, std::pair{"train/labels", &labels}})
    if (!names->empty()) file.set_attribute(object, "classes", *names);
  file.close();
  return path;
}

TEST(Conversion, ClassNamesOfASplitAreReadWhereTheRootHasNone) {
  const std::vector<std::string> names{"ant", "bee", "cod"}, others{"cod", "bee", "ant"};
  const auto opened = [](const std::string& path) { return open({.path = path})->info(); };

  for (const std::string& path :
       {named_file({}, names, {}), named_file({}, {}, names), named_file({}, names, others)}) {
    EXPECT_EQ(opened(path).classes, names);
    EXPECT_FALSE(opened(path).numbered);
    EXPECT_THAT(said_of({.path = path}),
                HasSubstr("class names are read from the attribute `classes` of train"));
  }
  EXPECT_EQ(opened(named_file(others, names, {})).classes, others);
  EXPECT_THAT(said_of({.path = named_file(others, names, {})}),
              HasSubstr("the class names of train are not those of the root"));
  EXPECT_EQ(said_of({.path = named_file(names, names, {})}), "");
  EXPECT_TRUE(opened(named_file({}, {"only a title"}, {})).numbered);
  EXPECT_THAT(open_error({.path = named_file({}, {"ant", "bee"}, {})}), HasSubstr("row 2 has the label 2"));
}

TEST(Conversion, NamedAxesUnlikeThoseOfTheWriterAreDoubted) {
  const std::string path = write_images<std::uint8_t>("NCWH");
  {
    Hdf5File file = Hdf5File::open_to_change(path);
    file.set_attribute("train/images", "MATLAB_class", "uint8");
    file.close();
  }
  const auto doubt = HasSubstr("written by MATLAB, which stores axes in reverse, NCWH, but data.axes is");

  EXPECT_THAT(said_of({.path = path, .axes = ImageAxes::nchw}), AllOf(HasSubstr("warning"), doubt));
  EXPECT_THAT(said_of({.path = path, .axes = ImageAxes::nhwc}), AllOf(Not(HasSubstr("warning")), doubt));
  EXPECT_THAT(said_of({.path = path, .axes = ImageAxes::ncwh}), Not(doubt));
}

/// Four images of (H, W, C) = (2, 3, 2), stored in the order of the axes; value = 100 n + 10 h + 3 w + c.
std::string write_images_last(const std::string& axes, const Hdf5Layout& layout = {}) {
  const auto extent_of = [](char axis) { return axis == 'N' ? 4 : axis == 'W' ? 3 : 2; };
  Extents extents;
  for (const char axis : axes) extents.push_back(extent_of(axis));
  std::vector<std::int32_t> values;
  std::map<char, std::int64_t> at;
  for (std::int64_t k = 0; k < element_count(extents); ++k) {
    std::int64_t rest = k;
    for (auto axis = axes.rbegin(); axis != axes.rend(); rest /= extent_of(*axis), ++axis)
      at[*axis] = rest % extent_of(*axis);
    values.push_back(static_cast<std::int32_t>(100 * at['N'] + 10 * at['H'] + 3 * at['W'] + at['C']));
  }
  const std::string path = fresh_path("last.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write<std::int32_t>("train/images", extents, values, layout);
  file.write<std::int32_t>("train/labels", {4}, std::vector<std::int32_t>{0, 1, 0, 1});
  file.close();
  return path;
}

std::vector<float> third_and_first(SampleSource& source) {
  const std::vector<std::uint64_t> samples{2, 0};
  std::vector<float> pixels(2 * static_cast<std::size_t>(source.info().shape.size()));
  std::vector<std::int32_t> labels(2);
  source.read(samples, {.pixels = std::as_writable_bytes(std::span(pixels)), .labels = labels});
  return pixels;
}

TEST(ImagesThatTheLastAxisCounts, AreReadWhereAxesSaySo) {
  std::vector<float> wanted;
  for (const int n : {2, 0})
    for (const int h : {0, 1})
      for (const int w : {0, 1, 2})
        for (const int c : {0, 1}) wanted.push_back(static_cast<float>(100 * n + 10 * h + 3 * w + c));
  for (const ImageAxes axes :
       {ImageAxes::hwcn, ImageAxes::whcn, ImageAxes::hcwn, ImageAxes::wchn, ImageAxes::chwn, ImageAxes::cwhn})
    for (const Hdf5Layout& layout : {Hdf5Layout{}, Hdf5Layout{.chunk_rows = 1, .deflate = 1}}) {
      const std::string path = write_images_last(word_of(axes), layout);
      const auto resident = open_dataset({.path = path, .axes = axes}, make_private_memory);
      EXPECT_EQ(third_and_first(*resident), wanted) << word_of(axes);
      const auto streamed =
          open_dataset({.path = path, .axes = axes, .resident_bytes = 0}, make_private_memory);
      EXPECT_EQ(third_and_first(*streamed), wanted) << word_of(axes);
      EXPECT_EQ(streamed->info().samples, 4U);
      EXPECT_EQ(streamed->read_counts().chunks_unpacked, 1U) << "one go through the file holds all images";
    }
}

TEST(ImagesThatTheLastAxisCounts, AreNamedWithTheAxesToSet) {
  EXPECT_THAT(error_of([&] { open_dataset({.path = write_images_last("HWCN")}, make_private_memory); }),
              testing::AllOf(HasSubstr("train/images has the shape (2, 3, 2, 4) and train/labels has 4 rows"),
                             HasSubstr("counted by the last axis. Set data.axes to HWCN")));
}

}  // namespace
}  // namespace annulus::io
