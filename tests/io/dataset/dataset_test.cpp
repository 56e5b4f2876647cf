// Opening datasets: resident and streaming sources give the same samples, and everything that a file can get
// wrong is named with file, dataset and row.
#include "io/dataset/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <limits>
#include <mutex>
#include <thread>

#include "base/random.hpp"
#include "io/dataset/writer.hpp"
#include "io/hdf5/file.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kHeight = 3;
constexpr std::int64_t kWidth = 2;
constexpr std::int64_t kRow = kHeight * kWidth;

/// Pixel p of image n.
template <class T>
T pixel(std::uint64_t n, std::uint64_t p) {
  return static_cast<T>((n * 7 + p * 3) % 251);
}

template <class T>
std::vector<T> images(std::uint64_t rows) {
  std::vector<T> values(rows * kRow);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = pixel<T>(i / kRow, i % kRow);
  return values;
}

std::vector<std::int64_t> labels(std::uint64_t rows) {
  std::vector<std::int64_t> values(rows);
  for (std::size_t i = 0; i < rows; ++i) values[i] = static_cast<std::int64_t>(i % 3);
  return values;
}

/// A file with `train` of the given rows; the tests bend it.
template <class T>
std::string write_dataset(std::uint64_t rows, const std::vector<T>& pixels,
                          const std::vector<std::int64_t>& numbers, const Hdf5Layout& layout = {}) {
  const std::string path = fresh_path("data.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("train/images", {static_cast<std::int64_t>(rows), kHeight, kWidth, 1},
             std::span<const T>(pixels), layout);
  file.write("train/labels", {static_cast<std::int64_t>(numbers.size())},
             std::span<const std::int64_t>(numbers));
  file.set_attribute("/", "classes", std::vector<std::string>{"cat", "dog", "ship"});
  file.close();
  return path;
}

std::string open_error(const DatasetOptions& options) {
  return error_of([&] { open_dataset(options, make_private_memory); });
}

/// Reads `samples` and compares every pixel and label with the formula.
template <class T>
void expect_samples(SampleSource& source, const std::vector<std::uint64_t>& samples) {
  std::vector<T> pixels(samples.size() * kRow);
  std::vector<std::int32_t> numbers(samples.size());

  source.read(samples, {std::as_writable_bytes(std::span<T>(pixels)), numbers});

  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(numbers[i], static_cast<std::int32_t>(samples[i] % 3)) << "sample " << samples[i];
    for (std::uint64_t p = 0; p < kRow; ++p)
      ASSERT_EQ(pixels[i * kRow + p], pixel<T>(samples[i], p)) << "sample " << samples[i] << " pixel " << p;
  }
}

std::vector<std::uint64_t> shuffled(std::uint64_t rows) {
  const Permutation order(5, 0, rows);
  std::vector<std::uint64_t> samples;
  for (std::uint64_t i = 0; i < rows; ++i) samples.push_back(order(i));
  samples.insert(samples.end(), {rows - 1, 0, 0});  // twice is allowed
  return samples;
}

struct Layout {
  const char* name;
  Hdf5Layout layout;
  std::uint64_t resident_bytes;
  std::uint64_t cache_bytes;
};

class EveryLayout : public testing::TestWithParam<Layout> {};

TEST_P(EveryLayout, GivesTheSameSamples) {
  constexpr std::uint64_t kRows = 101;
  const Layout& layout = GetParam();
  const auto bytes = write_dataset(kRows, images<std::uint8_t>(kRows), labels(kRows), layout.layout);
  const auto floats = write_dataset(kRows, images<float>(kRows), labels(kRows), layout.layout);

  const auto byte_source = open_dataset(
      {.path = bytes, .resident_bytes = layout.resident_bytes, .cache_bytes = layout.cache_bytes},
      make_private_memory);
  const auto float_source = open_dataset(
      {.path = floats, .resident_bytes = layout.resident_bytes, .cache_bytes = layout.cache_bytes},
      make_private_memory);

  EXPECT_EQ(byte_source->info().samples, kRows);
  EXPECT_EQ(byte_source->info().resident, layout.resident_bytes > 0);
  EXPECT_EQ(byte_source->info().chunk,
            layout.resident_bytes > 0 ? 1u : std::max<std::int64_t>(1, layout.layout.chunk_rows));
  EXPECT_EQ(byte_source->info().shape, (SampleShape{kHeight, kWidth, 1}));
  EXPECT_THAT(byte_source->info().classes, ElementsAre("cat", "dog", "ship"));
  EXPECT_EQ(byte_source->info().name, "data.h5:train");
  EXPECT_EQ(float_source->info().pixels, PixelType::float32);
  expect_samples<std::uint8_t>(*byte_source, shuffled(kRows));
  expect_samples<float>(*float_source, shuffled(kRows));
  expect_samples<std::uint8_t>(*byte_source, {100, 99, 1, 0});
}

constexpr std::uint64_t kAll = 1 << 20;
INSTANTIATE_TEST_SUITE_P(
    Dataset, EveryLayout,
    testing::Values(Layout{"resident_contiguous", {}, kAll, 0},
                    Layout{"resident_chunks", {.chunk_rows = 8}, kAll, 0},
                    Layout{"resident_deflate", {.chunk_rows = 16, .deflate = 4}, kAll, 0},
                    Layout{"streaming_contiguous", {}, 0, kAll},
                    Layout{"streaming_chunks", {.chunk_rows = 8}, 0, kAll},
                    Layout{"streaming_deflate", {.chunk_rows = 16, .deflate = 4}, 0, kAll},
                    Layout{"streaming_small_cache", {.chunk_rows = 8}, 0, 2 * 8 * kRow * 4}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Dataset, LimitUsesTheFirstSamples) {
  const auto path = write_dataset(20, images<std::uint8_t>(20), labels(20), {.chunk_rows = 8});

  const auto resident = open_dataset({.path = path, .limit = 5}, make_private_memory);
  const auto streaming = open_dataset({.path = path, .limit = 5, .resident_bytes = 0}, make_private_memory);

  EXPECT_EQ(resident->info().samples, 5u);
  EXPECT_EQ(streaming->info().samples, 5u);
  expect_samples<std::uint8_t>(*resident, {4, 0});
  expect_samples<std::uint8_t>(*streaming, {4, 0});
}

TEST(Dataset, ForeignFilesWork) {
  const std::string path = fresh_path("foreign.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("x_train", {4, kHeight, kWidth}, std::span<const std::uint8_t>(images<std::uint8_t>(4)));
  const std::vector<std::uint8_t> numbers{0, 1, 2, 0};
  file.write("y_train", {4, 1}, std::span<const std::uint8_t>(numbers));
  file.close();

  const auto source =
      open_dataset({.path = path, .images = "x_train", .labels = "/y_train"}, make_private_memory);
  const auto unlabelled =
      open_dataset({.path = path, .images = "x_train", .labels = ""}, make_private_memory);

  EXPECT_EQ(source->info().shape, (SampleShape{kHeight, kWidth, 1}));
  EXPECT_THAT(source->info().classes, ElementsAre("0", "1", "2"));
  expect_samples<std::uint8_t>(*source, {3, 2, 1, 0});
  EXPECT_THAT(unlabelled->info().classes, ElementsAre("0"));
}

TEST(Dataset, BadLabelsAreNamed) {
  auto numbers = labels(20);
  numbers[17] = 3;
  const auto beyond = write_dataset(20, images<std::uint8_t>(20), numbers);
  numbers[17] = -1;
  const auto negative = write_dataset(20, images<std::uint8_t>(20), numbers);
  const auto fewer = write_dataset(20, images<std::uint8_t>(20), labels(19));

  EXPECT_THAT(open_error({.path = beyond}), AllOf(HasSubstr("data.h5, train/labels: row 17 has the label 3"),
                                                  HasSubstr("names 3 classes (0 to 2)")));
  EXPECT_THAT(open_error({.path = negative}), HasSubstr("row 17 has the label -1"));
  EXPECT_THAT(open_error({.path = fewer}),
              AllOf(HasSubstr("train/images has 20 rows"), HasSubstr("train/labels has 19")));
}

TEST(Dataset, LabelsOfTheWrongFormAreNamed) {
  const std::string path = fresh_path("labels.h5");
  Hdf5File file = Hdf5File::create(path);
  file.write("images", {2, kHeight, kWidth, 1}, std::span<const std::uint8_t>(images<std::uint8_t>(2)));
  const std::vector<float> values(6, 0.5f);
  const std::vector<std::uint64_t> strange{0, std::uint64_t{1} << 63};
  file.write("one_hot", {2, 3}, std::span<const float>(values));
  file.write("real", {2}, std::span<const float>(values).first(2));
  file.write("strange", {2}, std::span<const std::uint64_t>(strange));
  file.close();

  EXPECT_THAT(open_error({.path = path, .images = "images", .labels = "one_hot"}),
              AllOf(HasSubstr("(2, 3)"), HasSubstr("row 0 is not one-hot")));
  EXPECT_THAT(open_error({.path = path, .images = "images", .labels = "real"}),
              HasSubstr("row 0 has the label 0.5"));
  EXPECT_THAT(open_error({.path = path, .images = "images", .labels = "strange"}),
              AllOf(HasSubstr("row 1"), HasSubstr("no class number")));
}

TEST(Dataset, BadImagesAreNamed) {
  const std::string path = fresh_path("images.h5");
  Hdf5File file = Hdf5File::create(path);
  const std::vector<std::uint8_t> none;
  file.write("line", {12}, std::span<const std::uint8_t>(images<std::uint8_t>(2)));
  file.create_dataset("empty", ElementType::uint8, {0, 3, 2, 1}, {.chunk_rows = 4});
  file.create_dataset("hollow", ElementType::uint8, {2, 0, 2, 1});
  file.create_dataset("unwritten", ElementType::uint8, {2, 3, 2, 1});
  file.close();
  const auto error = [&](const char* name) {
    return open_error({.path = path, .images = name, .labels = ""});
  };

  EXPECT_THAT(error("line"), AllOf(HasSubstr("(12)"), HasSubstr("(N, H, W, C) or (N, H, W)"),
                                   HasSubstr("flat vectors (N, values)")));
  EXPECT_THAT(error("empty"), HasSubstr("holds no images"));
  EXPECT_THAT(error("hollow"), HasSubstr("hold no pixels"));
  EXPECT_THAT(error("unwritten"), HasSubstr("its writing never finished"));
  EXPECT_THAT(error("images"), HasSubstr("there is no dataset images"));
}

/// (N, 3) of any number: a network's only input.
TEST(Dataset, FlatVectorsAreSamplesOfTheirOwn) {
  constexpr std::uint64_t kSamples = 5;
  const std::string path = fresh_path("flat.h5");
  std::vector<double> doubles;
  for (std::uint64_t i = 0; i < kSamples * 3; ++i) doubles.push_back(0.1 * static_cast<double>(i) - 0.7);
  const std::vector<float> floats(doubles.begin(), doubles.end());
  const std::vector<std::int32_t> wholes{-1, 2, -3, 4, -5, 6, -7, 8, -9, 10, -11, 12, -13, 14, -15};
  const std::vector<std::uint8_t> bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255};
  Hdf5File file = Hdf5File::create(path);
  file.write("train/doubles", {5, 3}, std::span<const double>(doubles), {.chunk_rows = 2});
  file.write("train/floats", {5, 3}, std::span<const float>(floats));
  file.write("train/wholes", {5, 3}, std::span<const std::int32_t>(wholes));
  file.write("train/bytes", {5, 3}, std::span<const std::uint8_t>(bytes));
  file.write("train/labels", {5}, std::span<const std::int64_t>(labels(kSamples)));
  file.close();
  const auto read = [&]<class Value>(const std::string& name, std::uint64_t resident, Value) {
    const auto source = open_dataset({.path = path, .images = "train/" + name, .resident_bytes = resident},
                                     make_private_memory);
    EXPECT_EQ(source->info().shape, (SampleShape{.channels = 3, .flat = true}));
    EXPECT_EQ(size_of(source->info().pixels), sizeof(Value));
    std::vector<Value> values(2 * 3);
    std::vector<std::int32_t> numbers(2);
    source->read(std::vector<std::uint64_t>{4, 1}, {std::as_writable_bytes(std::span(values)), numbers});
    return values;
  };

  for (const std::uint64_t resident : {std::uint64_t{1} << 20, std::uint64_t{0}}) {
    const std::vector<float> expected{floats[12], floats[13], floats[14], floats[3], floats[4], floats[5]};
    EXPECT_EQ(read("doubles", resident, 0.0f), expected);
    EXPECT_EQ(read("floats", resident, 0.0f), expected);
    EXPECT_THAT(read("wholes", resident, 0.0f), ElementsAre(-13, 14, -15, 4, -5, 6));
    EXPECT_THAT(read("bytes", resident, std::uint8_t{0}), ElementsAre(12, 13, 255, 3, 4, 5));
  }
}

TEST(Dataset, NanPixelsAreNamedWithTheirRow) {
  auto pixels = images<float>(20);
  pixels[13 * kRow + 4] = std::numeric_limits<float>::quiet_NaN();
  const auto path = write_dataset(20, pixels, labels(20), {.chunk_rows = 8});
  const auto streaming = open_dataset({.path = path, .resident_bytes = 0}, make_private_memory);
  std::vector<std::byte> block(kRow * sizeof(float));
  std::vector<std::int32_t> number(1);
  const std::vector<std::uint64_t> good{0};
  const std::vector<std::uint64_t> bad{12};  // the same chunk

  streaming->read(good, {block, number});
  const std::string message = error_of([&] { streaming->read(bad, {block, number}); });

  EXPECT_THAT(message, AllOf(HasSubstr("train/images: row 13 holds the value nan"), HasSubstr("value 4")));
  EXPECT_THAT(open_error({.path = path}), HasSubstr("row 13 holds the value nan"));
  EXPECT_EQ(open_error({.path = path, .limit = 13}), "") << "rows past the limit are not used";
}

TEST(Dataset, RefusesChunksThatDoNotFitTheCache) {
  const auto path = write_dataset(20, images<std::uint8_t>(20), labels(20), {.chunk_rows = 20});

  EXPECT_THAT(
      open_error({.path = path, .resident_bytes = 0, .cache_bytes = 19 * kRow}),
      AllOf(HasSubstr("stores 20 rows together"), HasSubstr("`annulus data repack " + path + " --output ")));
}

TEST(Dataset, TruncatedFilesAreNamed) {
  const auto path = write_dataset(500, images<std::uint8_t>(500), labels(500));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1000);

  EXPECT_THAT(open_error({.path = path}), AllOf(HasSubstr("data.h5"), HasSubstr("truncated file")));
}

TEST(Dataset, DamagedChunksAreNamed) {
  const auto path =
      write_dataset(512, images<std::uint8_t>(512), labels(512), {.chunk_rows = 512, .deflate = 4});
  std::string text = file_text(path);
  const std::size_t stream = text.find("\x78\x5e");  // a zlib header at level 4
  ASSERT_NE(stream, std::string::npos);
  text.replace(stream + 20, 8, "\xff\xff\xff\xff\xff\xff\xff\xff");
  write_text(path, text);

  EXPECT_THAT(open_error({.path = path}),
              testing::ContainsRegex("train/images: cannot be read.*(inflate|filter returned failure)"));
}

/// One block that several threads, as ranks of a host, fill together.
class SharedForTest final : public NodeMemory {
 public:
  struct Block {
    explicit Block(int count) : parts(count), arrived(count) {}
    std::vector<std::byte> bytes;
    int parts;
    std::mutex mutex;
    std::condition_variable changed;
    int arrived;
    void wait() {
      std::unique_lock lock(mutex);
      if (--arrived == 0) changed.notify_all();
      changed.wait(lock, [&] { return arrived == 0; });
    }
  };
  SharedForTest(Block& block, int part) : block_(block), part_(part) {}
  std::span<std::byte> bytes() override { return block_.bytes; }
  int part() const override { return part_; }
  int parts() const override { return block_.parts; }
  void synchronise() override { block_.wait(); }

 private:
  Block& block_;
  int part_;
};

/// Opens the dataset as `ranks` threads would; returns their error messages and the first source.
std::vector<std::string> open_together(int ranks, const std::string& path,
                                       std::unique_ptr<SampleSource>& first, SharedForTest::Block& block) {
  std::vector<std::string> errors(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  threads.reserve(errors.size());
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto memory = [&, rank](std::size_t bytes) -> std::unique_ptr<NodeMemory> {
        const std::lock_guard lock(block.mutex);
        block.bytes.resize(bytes);
        return std::make_unique<SharedForTest>(block, rank);
      };
      errors[static_cast<std::size_t>(rank)] = error_of([&] {
        auto source = open_dataset({.path = path}, memory);
        if (rank == 0) first = std::move(source);
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TEST(Dataset, RanksOfAHostLoadItTogether) {
  const auto path = write_dataset(50, images<std::uint8_t>(50), labels(50), {.chunk_rows = 8});
  SharedForTest::Block block(3);
  std::unique_ptr<SampleSource> source;

  const auto errors = open_together(3, path, source, block);

  EXPECT_THAT(errors, ElementsAre("", "", ""));
  expect_samples<std::uint8_t>(*source, shuffled(50));
}

TEST(Dataset, OneRankThatCannotReadStopsAll) {
  auto pixels = images<float>(50);
  pixels[49 * kRow] = std::numeric_limits<float>::infinity();  // in the last rank's part
  const auto path = write_dataset(50, pixels, labels(50), {.chunk_rows = 8});
  SharedForTest::Block block(3);
  std::unique_ptr<SampleSource> source;

  const auto errors = open_together(3, path, source, block);

  EXPECT_THAT(errors, testing::Each(HasSubstr("row 49 holds the value inf")));
}

}  // namespace
}  // namespace annulus::io
