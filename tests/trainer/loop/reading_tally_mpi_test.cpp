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
  explicit StreamedPattern(std::uint64_t stored_bytes) : origin_(10, {2, 2, 1}), info_(origin_.info()) {
    info_.stored_bytes = stored_bytes;
  }
  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    origin_.read(samples, buffers);
  }

 private:
  test::PatternSource origin_;
  io::SourceInfo info_;
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
  ReadingTally tally;
  tally.note(batch(10, 1));
  tally.note(batch(30, 2));

  const auto first = tally.finish_epoch(&source, group());
  tally.note(batch(31, 2));
  const auto second = tally.finish_epoch(&source, group());

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->read_bytes, 30 * shares);
  EXPECT_EQ(first->chunks_unpacked, 2 * shares);
  EXPECT_EQ(second->read_bytes, shares);
  EXPECT_EQ(second->chunks_unpacked, 0u);
}

TEST(ReadingTally, SaysNothingOfWhatLiesInMemory) {
  const StreamedPattern source(0);
  ReadingTally tally;
  tally.note(batch(10, 1));

  EXPECT_FALSE(tally.finish_epoch(&source, group()));
  EXPECT_FALSE(tally.finish_epoch(nullptr, group()));
}

}  // namespace
}  // namespace annulus::trainer
