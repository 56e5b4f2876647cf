// What streaming keeps and what it reads again: every chunk once an epoch where there is a place for each
// that is under way, and the right values whatever is asked for.
#include "io/dataset/streaming.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <numeric>
#include <random>

#include "io/dataset/dataset.hpp"
#include "io/dataset/subset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kSamples = 96;
constexpr std::uint64_t kChunk = 8;
constexpr std::uint64_t kRow = 6;

std::uint8_t pixel(std::uint64_t sample, std::uint64_t p) {
  return static_cast<std::uint8_t>((sample * 7 + p * 3) % 251);
}

std::string written(const Hdf5Layout& layout = {.chunk_rows = kChunk, .deflate = 1}) {
  const std::string path = fresh_path("data.h5");
  std::vector<std::uint8_t> pixels(kSamples * kRow);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = pixel(i / kRow, i % kRow);
  std::vector<std::int64_t> labels(kSamples);
  std::iota(labels.begin(), labels.end(), 0);
  Hdf5File file = Hdf5File::create(path);
  file.write<std::uint8_t>("train/images", {kSamples, 3, 2, 1}, pixels, layout);
  file.write<std::int64_t>("train/labels", {kSamples}, labels);
  file.close();
  return path;
}

std::unique_ptr<SampleSource> streamed(const std::string& path, std::uint64_t slots) {
  return open_dataset({.path = path, .resident_bytes = 0, .cache_bytes = slots * kChunk * kRow},
                      make_private_memory);
}

using Samples = std::vector<std::uint64_t>;

Samples range(std::uint64_t begin, std::uint64_t end) {
  Samples samples(end - begin);
  std::iota(samples.begin(), samples.end(), begin);
  return samples;
}

Samples operator+(Samples one, const Samples& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

/// Reads and compares. @return chunks that were unpacked for it
std::uint64_t read(SampleSource& source, const Samples& samples) {
  const std::uint64_t before = source.read_counts().chunks_unpacked;
  std::vector<std::uint8_t> pixels(samples.size() * kRow);
  std::vector<std::int32_t> labels(samples.size());
  source.read(samples, {std::as_writable_bytes(std::span(pixels)), labels});
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::uint64_t sample = stored_row(source.info(), samples[i / kRow]);
    EXPECT_EQ(pixels[i], pixel(sample, i % kRow)) << "sample " << sample;
    EXPECT_EQ(labels[i / kRow], static_cast<std::int32_t>(sample));
  }
  return source.read_counts().chunks_unpacked - before;
}

/// The chunks of a stream, in windows of `window`, mixed within each.
Samples stream(const Samples& chunks, std::size_t window, std::mt19937& random) {
  Samples line;
  for (std::size_t begin = 0; begin < chunks.size(); begin += window) {
    Samples inside;
    for (std::size_t k = begin; k < std::min(begin + window, chunks.size()); ++k)
      inside = inside + range(chunks[k] * kChunk, (chunks[k] + 1) * kChunk);
    std::shuffle(inside.begin(), inside.end(), random);
    line = line + inside;
  }
  return line;
}

TEST(Streaming, EveryChunkIsLoadedOnceAnEpoch) {
  constexpr std::size_t kWindow = 2, kStreams = 2, kStep = 5;  // 5 does not divide a window's 16 samples
  std::mt19937 random(1);
  Samples chunks = range(0, kSamples / kChunk);
  std::shuffle(chunks.begin(), chunks.end(), random);
  const Samples one = stream({chunks.begin(), chunks.begin() + 6}, kWindow, random);
  const Samples two = stream({chunks.begin() + 6, chunks.end()}, kWindow, random);
  const auto source = streamed(written(), kStreams * kWindow);

  std::uint64_t unpacked = 0;
  for (std::size_t at = 0; at < one.size(); at += kStep) {
    const std::size_t end = std::min(at + kStep, one.size());
    unpacked += read(
        *source, Samples(one.begin() + at, one.begin() + end) + Samples(two.begin() + at, two.begin() + end));
  }

  EXPECT_EQ(unpacked, kSamples / kChunk);
  EXPECT_EQ(source->read_counts().read_bytes, source->info().stored_bytes);
}

TEST(Streaming, WhatIsLeftOfAWindowIsServedBeforeTheNextOneMakesRoom) {
  const auto source = streamed(written(), 3);
  EXPECT_EQ(read(*source, Samples{40} + range(80, 87) + range(88, 95)), 3u);  // a row of 10 and 11 is left

  EXPECT_EQ(read(*source, Samples{87, 95, 0, 8, 1, 9}), 2u) << "chunks 0 and 1 alone";
  EXPECT_EQ(read(*source, {41}), 0u) << "chunk 5, though the oldest, was kept";
}

TEST(Streaming, AChunkThatIsDoneWithMakesRoomBeforeAnOlderOne) {
  const auto source = streamed(written(), 2);
  EXPECT_EQ(read(*source, Samples{8} + range(0, 8)), 2u);  // chunk 1 is older, chunk 0 is done with
  EXPECT_EQ(read(*source, {16}), 1u);

  EXPECT_EQ(read(*source, {9}), 0u) << "chunk 1 was kept";
  EXPECT_EQ(read(*source, {0}), 1u);
}

TEST(Streaming, OfAPartTheRowsOfThePartCount) {
  std::vector<bool> even(kSamples);
  for (std::size_t row = 0; row < kSamples; row += 2) even[row] = true;
  const std::shared_ptr<SampleSource> whole = streamed(written(), 2);
  const auto part = make_subset(whole, std::make_shared<const RowSet>(even), "even rows");
  EXPECT_EQ(read(*part, Samples{4} + range(0, 4)), 2u);  // rows 8, and 0 to 6: all of chunk 0 that it has
  EXPECT_EQ(read(*part, {8}), 1u);

  EXPECT_EQ(read(*part, {5}), 0u) << "chunk 1 was kept";
}

TEST(Streaming, TheLeastRecentlyUsedMakesRoomElse) {
  const auto source = streamed(written(), 2);
  EXPECT_EQ(read(*source, {0, 8, 1}), 2u);
  EXPECT_EQ(read(*source, {16}), 1u);

  EXPECT_EQ(read(*source, {2}), 0u);
  EXPECT_EQ(read(*source, {9}), 1u);
}

TEST(Streaming, AnyRequestGetsItsValues) {
  std::mt19937 random(7);
  std::vector<bool> chosen(kSamples);
  for (std::size_t row = 0; row < kSamples; ++row) chosen[row] = random() % 3 != 0;
  const std::string path = written();
  for (const std::uint64_t slots : {1, 2, 5, 12}) {
    const auto source = streamed(path, slots);
    if (slots == 5) source->expect_rows(std::make_shared<const RowSet>(chosen));  // and others are asked for
    for (int request = 0; request < 30; ++request) {
      Samples samples(1 + random() % 40);
      for (std::uint64_t& sample : samples) sample = random() % kSamples;  // some of them twice
      EXPECT_LE(read(*source, samples), samples.size());
    }
  }
}

TEST(Streaming, RowsWithoutChunksAreCountedInRuns) {
  const auto source = streamed(written({}), 2);

  EXPECT_EQ(read(*source, {5, 3, 4, 50}), 2u);
  EXPECT_EQ(source->read_counts().read_bytes, 4 * kRow);
  EXPECT_EQ(source->info().stored_bytes, kSamples * kRow);
}

TEST(Streaming, WhatLiesInMemoryIsNotRead) {
  const auto source = open_dataset({.path = written()}, make_private_memory);

  EXPECT_EQ(read(*source, {5, 3}), 0u);
  EXPECT_EQ(source->info().stored_bytes, 0u);
}

class StreamingByAnother : public testing::Test {
 protected:
  StreamingByAnother() {
    set_hdf5_reader([this, fork = fork_reader()](const ReaderEnds& ends, const std::string& path) {
      return process_ = fork(ends, path);
    });
    set_unpack_threads(2);
  }
  ~StreamingByAnother() override {
    set_hdf5_reader({});
    set_unpack_threads(1);
  }
  pid_t process_ = 0;
};

TEST_F(StreamingByAnother, ReadsTheSame) {
  const auto source = streamed(written(), 4);

  EXPECT_EQ(read(*source, range(0, kSamples)), kSamples / kChunk);
  EXPECT_EQ(source->read_counts().read_bytes, source->info().stored_bytes);
}

TEST_F(StreamingByAnother, AReaderThatIsKilledIsNamedWithItsFile) {
  const std::string path = written();
  const auto source = streamed(path, 4);
  read(*source, {0});
  ::kill(process_, SIGKILL);

  EXPECT_EQ(read(*source, {1}), 0u) << "what is in memory stays";
  EXPECT_THAT(error_of([&] { read(*source, {8}); }),
              AllOf(HasSubstr(path), HasSubstr("was killed at rows 8 to 15 of train/images. ")));
}

TEST_F(StreamingByAnother, AFileThatIsRemovedIsReadToItsEnd) {
  const std::string path = written();
  const auto source = streamed(path, 4);
  read(*source, {0});
  std::filesystem::remove(path);

  EXPECT_EQ(read(*source, range(0, kSamples)), kSamples / kChunk - 1);
}

TEST_F(StreamingByAnother, ADamagedChunkIsNamedAndNoOther) {
  const std::string path = written();
  std::string text = file_text(path);
  std::size_t stream = text.find("\x78\x01");  // a zlib header at level 1; each chunk has one
  for (int chunk = 0; chunk < 4; ++chunk) stream = text.find("\x78\x01", stream + 2);
  ASSERT_NE(stream, std::string::npos);
  text.replace(stream + 3, 4, "\xff\xff\xff\xff");
  write_text(path, text);
  const auto source = streamed(path, 12);

  const std::string message = error_of([&] { read(*source, range(0, kSamples)); });
  EXPECT_THAT(message, AllOf(HasSubstr("data.h5, train/images: cannot be read"), HasSubstr("rows 32 to 39")));
  EXPECT_EQ(read(*source, range(0, 32) + range(40, kSamples)), 11u) << "and all others come still";
}

}  // namespace
}  // namespace annulus::io
