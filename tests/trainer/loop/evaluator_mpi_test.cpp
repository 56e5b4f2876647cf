// An evaluation that ranks share out gives the figures of one process, on every rank and to the last bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mpi_environment.hpp"
#include "tests/trainer/loop/numbered_samples.hpp"
#include "trainer/loop/evaluator.hpp"

namespace annulus::trainer {
namespace {

constexpr std::uint64_t kSamples = 101;
/// 12 shards are whole for 1, 2, 3 and 4 ranks; the last step of 24 samples has five.
constexpr EvaluatorOptions kOptions{.block = 2, .shards = 12};

/// Losses that add up to other bits in another order.
std::vector<float> uneven(std::uint64_t sample) {
  std::vector<float> row(kNumberedClasses, 0.1f);
  row[(sample / 7) % kNumberedClasses] = 1.0f / (1.3f + static_cast<float>(sample % 11));
  return row;
}

struct Heard {
  Evaluation result;
  std::vector<std::int32_t> labels;
  std::vector<float> probabilities;
};

Heard evaluate(comm::ProcessGroup& group) {
  NumberedSource source(kSamples);
  AnsweringReplica replica(uneven);
  Evaluator evaluator(replica, group, source, io::Generator(source.info(), {}, {}, 0), kOptions);
  Heard heard;
  heard.result = evaluator.run([&](auto rows, auto labels) {
    heard.probabilities.insert(heard.probabilities.end(), rows.begin(), rows.end());
    heard.labels.insert(heard.labels.end(), labels.begin(), labels.end());
  });
  return heard;
}

/// Numbered samples of a file that somebody has written to, as only the last rank can see.
class RewrittenSource final : public io::SampleSource {
 public:
  explicit RewrittenSource(comm::ProcessGroup& group)
      : last_(group.rank() == group.size() - 1), source_(kSamples) {}
  const io::SourceInfo& info() const override { return source_.info(); }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    source_.read(samples, buffers);
  }
  void check_unchanged() const override {
    if (last_) throw DataError("data.h5: was written to");
  }
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }

 private:
  bool last_;
  NumberedSource source_;
};

TEST(EvaluatorOverRanks, AFileThatOneRankSeesWrittenToEndsAllRanks) {
  comm::ProcessGroup& group = test::session().group();
  RewrittenSource source(group);
  AnsweringReplica replica(uneven);
  Evaluator evaluator(replica, group, source, io::Generator(source.info(), {}, {}, 0), kOptions);

  try {
    evaluator.run();
    FAIL() << "figures of two versions of a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_THAT(error.what(), testing::HasSubstr("data.h5: was written to"));
  }
}

TEST(EvaluatorOverRanks, FiguresAreThoseOfOneProcess) {
  const auto alone = comm::make_serial_group();
  const Evaluation expected = evaluate(*alone).result;

  const Evaluation result = evaluate(test::session().group()).result;

  EXPECT_EQ(result.loss, expected.loss);
  EXPECT_EQ(result.accuracy, expected.accuracy);
  EXPECT_EQ(result.confusion, expected.confusion);
  EXPECT_EQ(result.labelled, expected.labelled);
  EXPECT_EQ(result.recognised, expected.recognised);
  EXPECT_EQ(result.macro_recall, expected.macro_recall);
  EXPECT_EQ(result.samples, kSamples);
  EXPECT_TRUE(result.each_once);
}

TEST(EvaluatorOverRanks, RankZeroHearsOfAllSamplesInTheirOrderTheOthersOfNone) {
  const auto alone = comm::make_serial_group();
  const Heard expected = evaluate(*alone);
  ASSERT_EQ(expected.labels.size(), kSamples);

  const Heard heard = evaluate(test::session().group());

  const bool hears = test::session().group().rank() == 0;
  EXPECT_EQ(heard.labels, hears ? expected.labels : std::vector<std::int32_t>{});
  EXPECT_EQ(heard.probabilities, hears ? expected.probabilities : std::vector<float>{});
}

}  // namespace
}  // namespace annulus::trainer
