// What the ranks have read is summed epoch by epoch, and only of what is streamed.
#include "trainer/loop/reading_tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mpi_environment.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::trainer {
namespace {

class StreamedPattern final : public io::SampleSource {
 public:
  explicit StreamedPattern(std::uint64_t stored_bytes, io::ReadCounts before = {})
      : origin_(10, {2, 2, 1}), info_(origin_.info()) {
    info_.stored_bytes = stored_bytes;
    before_ = before;
  }
  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return before_; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    origin_.read(samples, buffers);
  }

 private:
  test::PatternSource origin_;
  io::SourceInfo info_;
  io::ReadCounts before_;
};

comm::ProcessGroup& group() { return test::session().group(); }

io::Batch batch(std::uint64_t bytes, std::uint64_t chunks) {
  const auto share = static_cast<std::uint64_t>(group().rank()) + 1;
  io::Batch made;
  made.samples = 5;
  made.read = {.read_bytes = bytes * share, .chunks_unpacked = chunks * share};
  return made;
}

TEST(ReadingTally, SumsWhatTheRanksReadInAnEpoch) {
  const StreamedPattern source(100);
  const auto shares = static_cast<std::uint64_t>(group().size() * (group().size() + 1) / 2);
  ReadingTally tally(&source);
  tally.note(batch(10, 1));
  tally.note(batch(30, 2));

  const auto first = tally.finish_epoch(group());
  tally.note(batch(31, 2));
  const auto second = tally.finish_epoch(group());

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->read_bytes, 30 * shares);
  EXPECT_EQ(first->chunks_unpacked, 2 * shares);
  EXPECT_EQ(second->read_bytes, shares);
  EXPECT_EQ(second->chunks_unpacked, 0u);
}

TEST(ReadingTally, WhatWasReadToLookAtTheDataIsNoTraining) {
  const auto share = static_cast<std::uint64_t>(group().rank()) + 1;
  const StreamedPattern source(100, {.read_bytes = 7 * share, .chunks_unpacked = share});
  ReadingTally tally(&source);
  tally.note(batch(17, 3));

  const auto read = tally.finish_epoch(group());

  const auto shares = static_cast<std::uint64_t>(group().size() * (group().size() + 1) / 2);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->read_bytes, 10 * shares);
  EXPECT_EQ(read->chunks_unpacked, 2 * shares);
}

TEST(ReadingTally, SaysNothingOfWhatLiesInMemory) {
  const StreamedPattern source(0);
  ReadingTally in_memory(&source), of_nothing(nullptr);
  in_memory.note(batch(10, 1));
  of_nothing.note(batch(10, 1));

  EXPECT_FALSE(in_memory.finish_epoch(group()));
  EXPECT_FALSE(of_nothing.finish_epoch(group()));
}

}  // namespace
}  // namespace annulus::trainer
