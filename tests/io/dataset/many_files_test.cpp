// Many files as one data set: the same samples as one file with all rows, read by chunks of each file, few of
// them open at a time, and every trouble named with the file and its own row.
#include "io/dataset/many_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <numeric>
#include <set>

#include "io/dataset/content_hash.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/subset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kSide = 256;  // a row of 64 KB: four of them are read together at least
constexpr std::uint64_t kRow = kSide * kSide;

std::uint8_t pixel(std::uint64_t sample) { return static_cast<std::uint8_t>(sample * 7 % 251); }

struct Part {
  std::uint64_t rows = 0;
  std::int64_t chunk = 0;  ///< 0: rows one after another
  int deflate = 0;
};

/// Files whose samples are numbered through all of them; label = number.
class Files {
 public:
  explicit Files(const std::vector<Part>& parts) : parts_(parts) {
    for (const Part& part : parts) add(part);
  }

  const std::vector<std::string>& paths() const { return paths_; }
  std::uint64_t samples() const { return samples_; }
  DatasetOptions options() const { return {.files = paths_}; }
  std::unique_ptr<SampleSource> resident() const { return open_dataset(options(), make_private_memory); }
  std::unique_ptr<SampleSource> streamed(std::uint64_t slots = 64) const {
    DatasetOptions streaming = options();
    streaming.resident_bytes = 0;
    streaming.cache_bytes = slots * 4 * kRow;
    return open_dataset(streaming, make_private_memory);
  }

 private:
  void add(const Part& part) {
    paths_.push_back(fresh_path("part.h5"));
    Hdf5File file = Hdf5File::create(paths_.back());
    std::vector<std::uint8_t> pixels(part.rows * kRow);
    std::vector<std::int32_t> labels(part.rows);
    for (std::uint64_t row = 0; row < part.rows; ++row) {
      std::fill_n(pixels.begin() + static_cast<std::ptrdiff_t>(row * kRow), kRow, pixel(samples_ + row));
      labels[row] = static_cast<std::int32_t>(samples_ + row);
    }
    const auto rows = static_cast<std::int64_t>(part.rows);
    file.write<std::uint8_t>("train/images", {rows, kSide, kSide, 1}, pixels,
                             {.chunk_rows = part.chunk, .deflate = part.deflate});
    file.write<std::int32_t>("train/labels", {rows}, labels);
    file.close();
    samples_ += part.rows;
  }

  std::vector<Part> parts_;
  std::vector<std::string> paths_;
  std::uint64_t samples_ = 0;
};

using Samples = std::vector<std::uint64_t>;

Samples all_of(const SampleSource& source) {
  Samples samples(source.info().samples);
  std::iota(samples.begin(), samples.end(), 0);
  return samples;
}

/// Reads and compares with what the files were made of. @return the labels
std::vector<std::int32_t> read(SampleSource& source, const Samples& samples) {
  std::vector<std::uint8_t> pixels(samples.size() * kRow);
  std::vector<std::int32_t> labels(samples.size());
  source.read(samples, {std::as_writable_bytes(std::span(pixels)), labels});
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::uint64_t row = stored_row(source.info(), samples[i]);
    EXPECT_EQ(labels[i], static_cast<std::int32_t>(row));
    EXPECT_EQ(pixels[i * kRow], pixel(row)) << "sample " << samples[i];
    EXPECT_EQ(pixels[(i + 1) * kRow - 1], pixel(row)) << "sample " << samples[i];
  }
  return labels;
}

/// Reads an epoch as shards of `ranks` readers would. @return chunks that all of them unpacked
std::uint64_t read_epoch(const Files& files, int ranks, std::uint64_t window_chunks) {
  constexpr std::int64_t kShards = 4;
  std::uint64_t unpacked = 0;
  std::multiset<std::int32_t> seen;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto source = files.streamed(window_chunks / 4 * 5);
    const SourceInfo& info = source->info();
    const ShardedSampler sampler({.samples = info.samples,
                                  .batch = 8,
                                  .shards = kShards,
                                  .seed = 5,
                                  .chunk = info.chunk,
                                  .window_chunks = window_chunks,
                                  .streams = shuffle_streams(kShards, window_chunks),
                                  .rows = info.places});
    for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
      for (std::int64_t shard = kShards / ranks * rank; shard < kShards / ranks * (rank + 1); ++shard) {
        const auto labels = read(*source, sampler.shard_samples(2, step, shard));
        seen.insert(labels.begin(), labels.end());
      }
    unpacked += source->read_counts().chunks_unpacked;
  }
  EXPECT_EQ(seen.size(), files.samples());
  EXPECT_EQ(std::set<std::int32_t>(seen.begin(), seen.end()).size(), files.samples()) << "each of them once";
  return unpacked;
}

TEST(ManyFiles, AreOneDataSetInTheirOrder) {
  const Files files({{5, 2, 1}, {3}, {9, 4}});
  for (const auto& source : {files.resident(), files.streamed()}) {
    EXPECT_EQ(source->info().samples, 17u);
    EXPECT_THAT(source->info().name, HasSubstr("part.h5 and 2 more:train"));
    EXPECT_EQ(source->info().classes.size(), 17u) << "numbers over all files";
    read(*source, all_of(*source));
    read(*source, {16, 0, 7, 8, 4, 5});
    EXPECT_EQ(source->info().files->place(7), files.paths()[1] + ", row 2");
    EXPECT_EQ(source->info().files->place(8), files.paths()[2] + ", row 0");
  }
  EXPECT_EQ(content_hash(*files.resident()), content_hash(*files.streamed()));
}

TEST(ManyFiles, EveryChunkIsReadOnceAnEpochByHoweverManyRanks) {
  const Files files({{16, 4, 1}, {7, 2}, {1}, {10, 4, 1}, {12}, {3, 3}, {16, 8}});
  // Of chunks of 8 rows: the last file has two; four rows at least are read together, whole chunks of 4 or 2
  // as many as 8 rows hold.
  constexpr std::uint64_t kChunks = 2 + 1 + 1 + 2 + 2 + 1 + 2;
  EXPECT_EQ(files.streamed()->info().chunk, 8u);
  EXPECT_EQ(read_epoch(files, 1, 16), kChunks);
  EXPECT_LE(read_epoch(files, 2, 16), kChunks + 1) << "one chunk lies across two streams";
  EXPECT_LE(read_epoch(files, 4, 16), kChunks + 3);
}

TEST(ManyFiles, ReadNoMoreBytesThanTheyHold) {
  const Files files({{16, 4, 1}, {7, 2}, {1}});
  const auto source = files.streamed();

  read(*source, all_of(*source));

  EXPECT_EQ(source->read_counts().read_bytes, source->info().stored_bytes);
}

TEST(ManyFiles, CutAtChunksHaveTheOrderOfOneFile) {
  EXPECT_EQ(Files({{8, 4}, {4, 4}, {6, 4}}).streamed()->info().places, nullptr);
  EXPECT_NE(Files({{8, 4}, {3, 3}, {6, 4}}).streamed()->info().places, nullptr);
}

TEST(ManyFiles, APartOfThemKeepsItsPlaces) {
  const Files files({{5, 4}, {6, 4}});
  std::vector<bool> chosen(11, true);
  chosen[1] = chosen[6] = false;
  const auto part = make_subset(files.streamed(), std::make_shared<const RowSet>(chosen), "part");

  EXPECT_EQ(read(*part, all_of(*part)), (std::vector<std::int32_t>{0, 2, 3, 4, 5, 7, 8, 9, 10}));
  const RowSet& places = *part->info().places;  // chunks of 4 places: rows 0-3, 4, 5-8, 9-10
  EXPECT_EQ(places.size(), 9u);
  EXPECT_EQ(places.row(3), 4u);
  EXPECT_EQ(places.row(4), 8u);
  EXPECT_EQ(places.row(5), 10u);
}

TEST(ManyFiles, OfALimitTheFirst) {
  const Files files({{5, 4}, {6, 4}, {3}});
  DatasetOptions options = files.options();
  options.limit = 7;
  for (const std::uint64_t resident : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
    options.resident_bytes = resident;
    const auto source = open_dataset(options, make_private_memory);
    EXPECT_EQ(source->info().samples, 7u);
    read(*source, all_of(*source));
  }
}

/// A file without the pixels of the others: labels, or a group of another split.
std::string small_file(const std::function<void(Hdf5File&)>& fill) {
  const std::string path = fresh_path("other.h5");
  Hdf5File file = Hdf5File::create(path);
  fill(file);
  file.close();
  return path;
}

void write_images(Hdf5File& file, const Extents& extents, const std::string& group = "train") {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(element_count(extents)));
  file.write<std::uint8_t>(group + "/images", extents, pixels);
  file.write<std::int32_t>(group + "/labels", {extents[0]},
                           std::vector<std::int32_t>(static_cast<std::size_t>(extents[0])));
}

std::string open_error(const DatasetOptions& options) {
  return error_of([&] { open_dataset(options, make_private_memory); });
}

TEST(ManyFiles, WithoutTheGroupArePassedOver) {
  const Files files({{5}, {3}});
  const std::string other = small_file([](Hdf5File& file) { write_images(file, {2, 4, 4, 1}, "test"); });
  DatasetOptions options{.files = {other, files.paths()[0], other, files.paths()[1]}};

  read(*open_dataset(options, make_private_memory), {7, 0, 4, 5});

  options.images = "validation/images";
  EXPECT_THAT(open_error(options), AllOf(HasSubstr("none of the 4 files"), HasSubstr("'validation'")));
}

TEST(ManyFiles, HaveTheirLabelsInOtherFiles) {
  const auto images = [](std::int64_t rows) {
    return small_file([&](Hdf5File& file) { write_images(file, {rows, 4, 4, 1}); });
  };
  const auto labels = [](std::vector<std::int32_t> values) {
    return small_file([&](Hdf5File& file) {
      file.write<std::int32_t>("train/labels", {static_cast<std::int64_t>(values.size())}, values);
      file.set_attribute("/", "classes", std::vector<std::string>{"ant", "bee", "cat"});
    });
  };
  DatasetOptions options{.files = {images(3), images(2)}, .label_files = {labels({2, 0, 1}), labels({1, 2})}};
  for (const std::uint64_t resident : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
    options.resident_bytes = resident;
    const auto source = open_dataset(options, make_private_memory);
    EXPECT_THAT(source->all_labels(), testing::ElementsAre(2, 0, 1, 1, 2));
    EXPECT_THAT(source->info().classes, testing::ElementsAre("ant", "bee", "cat"));
  }

  options.label_files[1] = labels({1, 2, 0});
  EXPECT_THAT(open_error(options),
              AllOf(HasSubstr(options.files[1]), HasSubstr(options.label_files[1]), HasSubstr("has 3")));
}

TEST(ManyFiles, ThatDifferAreNamedBoth) {
  const auto file = [](const Extents& extents, const std::vector<std::string>& classes) {
    return small_file([&](Hdf5File& made) {
      write_images(made, extents);
      if (!classes.empty()) made.set_attribute("/", "classes", classes);
    });
  };
  const std::string first = file({2, 4, 4, 1}, {"ant", "bee"});
  const auto refused = [&](const std::string& other, const std::string& what) {
    EXPECT_THAT(open_error({.files = {first, first + "x", other}}), HasSubstr("no such file"));
    EXPECT_THAT(open_error({.files = {first, other}}),
                AllOf(HasSubstr(first), HasSubstr(other), HasSubstr(what)));
  };
  refused(file({2, 5, 4, 1}, {"ant", "bee"}), "(5, 4, 1)");
  refused(file({2, 4, 4, 1}, {"bee", "ant"}), "class names bee, ant");
  refused(file({2, 4, 4, 1}, {}), "class names none");
  refused(small_file([](Hdf5File& made) {
            made.write<float>("train/images", {1, 4, 4, 1}, std::vector<float>(16));
            made.write<std::int32_t>("train/labels", {1}, std::vector<std::int32_t>{0});
            made.set_attribute("/", "classes", std::vector<std::string>{"ant", "bee"});
          }),
          "type float32");
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(ManyFiles, AreOpenAFewAtATime) {
  const Files files(std::vector<Part>(40, {1}));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const std::size_t others = open_descriptors();
  rlimit few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto source = files.streamed(4);
  for (int epoch = 0; epoch < 2; ++epoch) read(*source, all_of(*source));
  const std::size_t now = open_descriptors();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);

  EXPECT_LT(now - others, 20u);
  const auto rich = files.streamed(4);
  read(*rich, all_of(*rich));
  EXPECT_GT(open_descriptors() - now, 40u) << "but not closed without need";
}

/// Writes over the middle of a packed chunk, the second of the file.
void damage(const std::string& path) {
  constexpr std::string_view kBeginOfDeflate = "\x78\x01";
  std::string text = file_text(path);
  const std::size_t first = text.find(kBeginOfDeflate);
  const std::size_t second = text.find(kBeginOfDeflate, first + 2);
  ASSERT_NE(second, std::string::npos);
  for (std::size_t at = second + 20; at < second + 60; ++at) text[at] = '\x55';
  write_text(path, text);
}

TEST(ManyFiles, TroubleIsOfOneFileAndItsOwnRow) {
  const Files files({{8, 4, 1}, {8, 4, 1}, {8, 4, 1}});
  const auto times = [](const std::string& path) { return std::filesystem::last_write_time(path); };

  const auto before = times(files.paths()[1]);
  damage(files.paths()[1]);
  std::filesystem::last_write_time(files.paths()[1], before);
  EXPECT_THAT(error_of([&] {
                read(*files.streamed(2), {8, 12, 0, 20});
              }),
              AllOf(HasSubstr(files.paths()[1]), HasSubstr("rows 4 to 7"), Not(HasSubstr(files.paths()[0]))));

  const auto changing = files.streamed(2);
  read(*changing, {0});
  std::filesystem::last_write_time(files.paths()[2], before + std::chrono::seconds(1));
  EXPECT_THAT(error_of([&] { read(*changing, {20}); }),
              AllOf(HasSubstr(files.paths()[2]), HasSubstr("was written to while it is being read")));

  const auto losing = files.streamed(2);
  std::filesystem::remove(files.paths()[2]);
  EXPECT_THAT(error_of([&] { read(*losing, {20}); }),
              AllOf(HasSubstr(files.paths()[2]), HasSubstr("is gone")));
}

class ManyFilesByAnother : public testing::Test {
 protected:
  ManyFilesByAnother() {
    set_hdf5_reader([this, fork = fork_reader()](const ReaderEnds& ends, const std::string& path) {
      ++started_;
      return process_ = fork(ends, path);
    });
  }
  ~ManyFilesByAnother() override { set_hdf5_reader({}); }
  pid_t process_ = 0;
  int started_ = 0;
};

TEST_F(ManyFilesByAnother, AreReadByFewProcesses) {
  const Files files(std::vector<Part>(20, {3, 2, 1}));
  const auto source = files.streamed(2);

  for (int epoch = 0; epoch < 2; ++epoch) read(*source, all_of(*source));

  EXPECT_LE(started_, 3) << "one looks at the first, one at all, one reads";
}

TEST_F(ManyFilesByAnother, OneThatDiesNamesTheFileThatItReadsAndItsRows) {
  const Files files({{8, 4, 1}, {8, 4, 1}});
  const auto source = files.streamed(1);
  read(*source, {0});
  ::kill(process_, SIGKILL);

  EXPECT_THAT(error_of([&] { read(*source, {12}); }),
              AllOf(HasSubstr(files.paths()[1]), HasSubstr("was killed")));
}

TEST_F(ManyFilesByAnother, AFileThatIsNoneIsNamed) {
  Files files({{8, 4, 1}, {8, 4, 1}, {2}});
  std::filesystem::resize_file(files.paths()[1], std::filesystem::file_size(files.paths()[1]) / 2);
  EXPECT_THAT(open_error(files.options()), AllOf(HasSubstr(files.paths()[1]), HasSubstr("truncated")));
  write_text(files.paths()[1], "nothing of HDF5");
  EXPECT_THAT(open_error(files.options()),
              AllOf(HasSubstr(files.paths()[1]), HasSubstr("is not an HDF5 file")));
}

}  // namespace
}  // namespace annulus::io
