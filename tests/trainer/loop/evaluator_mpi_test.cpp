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

TEST(EvaluatorOverRanks, FiguresAreThoseOfOneProcess) {
  const auto alone = comm::make_serial_group();
  const Evaluation expected = evaluate(*alone).result;

  const Evaluation result = evaluate(test::session().group()).result;

  EXPECT_EQ(result.loss, expected.loss);
  EXPECT_EQ(result.accuracy, expected.accuracy);
  EXPECT_EQ(result.confusion, expected.confusion);
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
