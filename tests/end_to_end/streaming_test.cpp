// Training data that are larger than memory: what the ranks read of them, and what happens when reading ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <random>

#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kRows = 1600;
constexpr std::int64_t kChunk = 8;

/// Noise in packed chunks. @return bytes of the images as stored
std::uint64_t write_noise(const std::filesystem::path& path, std::int64_t chunk_rows = kChunk) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kRows * 32 * 32 * 3));
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
  std::vector<std::int32_t> labels(static_cast<std::size_t>(kRows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 10);
  {
    io::Hdf5File file = io::Hdf5File::create(path.string());
    file.write<std::uint8_t>("train/images", {kRows, 32, 32, 3}, pixels,
                             {.chunk_rows = chunk_rows, .deflate = 1});
    file.write<std::int32_t>("train/labels", {kRows}, labels);
    file.write<std::int32_t>("train/weights", {kRows}, labels);  // some weights that differ
    file.close();
  }
  return io::Hdf5File::open(path.string()).dataset("train/images").info().stored_bytes;
}

std::vector<std::string> streaming(const Workplace& place, const std::string& run,
                                   const std::string& epochs) {
  return place.training(run, {"data.path=noise.h5", "data.resident_mb=0", "data.window_mb=1",
                              "normalisation.kind=none", epochs});
}

TEST(Streaming, AllRanksTogetherReadTheDataOnceAnEpoch) {
  const Workplace place;
  const auto stored = static_cast<double>(write_noise(place.path("noise.h5")));
  std::vector<std::uint64_t> hashes;
  for (const int ranks : {0, 2, 4}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    const std::string run = "run" + std::to_string(ranks);
    const Outcome outcome = place.run(streaming(place, run, "epochs=2"), ranks);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    int epochs = 0;
    for (const auto& record : place.metrics(run)) {
      if (record["kind"] != "epoch") continue;
      ++epochs;
      EXPECT_LE(record["read_bytes"].get<double>(), 1.1 * stored);
      EXPECT_LE(record["chunks_unpacked"].get<double>(), 1.1 * kRows / kChunk);
      // What the epoch before, or a look at the data, has left in memory need not be read again.
      EXPECT_GE(record["read_bytes"].get<double>(), 0.5 * stored);
    }
    EXPECT_EQ(epochs, 2);
    EXPECT_THAT(outcome.output, HasSubstr("streamed noise.h5:train: all ranks together read "));
    hashes.push_back(place.state_hash(run));
  }
  EXPECT_EQ(hashes[1], hashes[0]);
  EXPECT_EQ(hashes[2], hashes[0]);
}

TEST(Streaming, GoesOnInTheMiddleOfAnEpochToTheSameBitsOnOtherRanks) {
  const Workplace place;
  write_noise(place.path("noise.h5"));
  ASSERT_EQ(place.run(streaming(place, "whole", "epochs=2")).code, 0);

  ASSERT_EQ(place.run(streaming(place, "parts", "epochs=0.5"), 2).code, 0);
  ASSERT_EQ(place.run(streaming(place, "parts", "epochs=1.5"), 4).code, 0);
  ASSERT_EQ(place.run(streaming(place, "parts", "epochs=2")).code, 0);

  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
}

/// Samples of label k are drawn k / 4.5 times an epoch.
TEST(Streaming, DrawsByWeightAreTheSameOnAnyRanksAndAfterAnInterruption) {
  const Workplace place;
  const auto stored = static_cast<double>(write_noise(place.path("noise.h5")));
  const auto training = [&](const std::string& run, const std::string& epochs) {
    std::vector<std::string> words = streaming(place, run, epochs);
    words.insert(words.end(), {"data.weights=weights", "data.sampling=weighted"});
    return words;
  };
  ASSERT_EQ(place.run(streaming(place, "even", "epochs=2")).code, 0);

  const Outcome whole = place.run(training("whole", "epochs=2"));
  ASSERT_EQ(place.run(training("parts", "epochs=0.5"), 2).code, 0);
  ASSERT_EQ(place.run(training("parts", "epochs=1.5"), 4).code, 0);
  ASSERT_EQ(place.run(training("parts", "epochs=2")).code, 0);

  EXPECT_THAT(
      whole.output,
      HasSubstr("data.sampling is weighted: 1600 draws per epoch from as many samples; in the first one "));
  EXPECT_THAT(
      whole.output,
      HasSubstr(
          "By class: 10 classes, from 0: 0 draws of 160 samples, to 9: 320 draws of 160 samples (one up to 2 times)\n"));
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
  EXPECT_NE(place.state_hash("whole"), place.state_hash("even"));
  for (const auto& record : place.metrics("whole"))
    if (record["kind"] == "epoch") {
      EXPECT_LE(record["read_bytes"].get<double>(), 1.1 * stored);
    }
}

std::filesystem::path latest(const Workplace& place, const std::string& run) {
  return std::filesystem::canonical(place.path(run + "/checkpoints/latest"));
}

std::uint64_t streams_of(const Workplace& place, const std::string& run) {
  return io::Hdf5File::open(latest(place, run).string()).uint64_attribute("/", "streams");
}

/// Older versions knew of one order for all shards, and did not say so.
TEST(Streaming, ARunGoesOnInTheOrderThatItBeganWith) {
  const Workplace place;
  write_noise(place.path("noise.h5"));
  ASSERT_EQ(place.run(streaming(place, "new", "epochs=1"), 2).code, 0);
  std::filesystem::copy(
      place.path("new"), place.path("old"),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  const std::string checkpoint = latest(place, "old").string();
  io::Hdf5File file = io::Hdf5File::open_to_change(checkpoint);
  file.set_attribute("/", "streams", std::uint64_t{1});
  file.close();
  io::seal_file(checkpoint);

  ASSERT_EQ(place.run(streaming(place, "new", "epochs=2"), 2).code, 0);
  ASSERT_EQ(place.run(streaming(place, "old", "epochs=2"), 2).code, 0);

  EXPECT_EQ(streams_of(place, "new"), 4U) << "one for every shard";
  EXPECT_EQ(streams_of(place, "old"), 1U);
  EXPECT_NE(place.state_hash("new"), place.state_hash("old"));
}

TEST(Streaming, AWindowThatIsTooSmallForTheShardsIsSaidWithOneThatFits) {
  const Workplace place;
  write_noise(place.path("noise.h5"), 128);  // 128 rows of 3 KB: two of these chunks in a window of 1 MB

  const Outcome small = place.run(streaming(place, "small", "epochs=0.5"), 4);
  std::vector<std::string> advised = streaming(place, "advised", "epochs=0.5");
  advised.push_back("data.window_mb=2");
  const Outcome large = place.run(advised, 4);

  EXPECT_EQ(small.code, 0) << small.output;
  EXPECT_THAT(small.output,
              HasSubstr("holds 2 chunk(s) of 0.4 MB for 4 shards, so 2 ranks share the reading"));
  EXPECT_THAT(small.output, HasSubstr("data.window_mb=2 gives every shard its own part"));
  EXPECT_THAT(large.output, Not(HasSubstr("share the reading")));
}

/// The process that reads the file for a rank.
pid_t reader_in(const Workplace& place) {
  for (const pid_t process : place.processes()) {
    std::ifstream words("/proc/" + std::to_string(process) + "/cmdline");
    const std::string line{std::istreambuf_iterator<char>(words), {}};
    if (line.find(io::kReaderWord) != std::string::npos) return process;
  }
  return -1;
}

TEST(Streaming, AReaderThatIsKilledEndsTheTrainingOnAllRanks) {
  const Workplace place;
  write_noise(place.path("noise.h5"));
  for (const int ranks : {0, 2}) {
    SCOPED_TRACE(testing::Message() << ranks << " ranks");
    const std::string run = "run" + std::to_string(ranks);
    Process training = place.start(streaming(place, run, "epochs=100000"), ranks);
    ASSERT_TRUE(place.has_started(run));

    const pid_t reader = reader_in(place);
    ASSERT_GT(reader, 0);
    ::kill(reader, SIGKILL);
    const Outcome outcome = training.wait();

    EXPECT_EQ(outcome.code, 65) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("noise.h5: cannot be read: the process that reads it was killed"));
    EXPECT_THAT(place.left_behind(), IsEmpty());
  }
}

}  // namespace
}  // namespace annulus::test
