// An evaluation of samples whose answers are known: mean loss and accuracy, every sample once, and what
// becomes of numbers that are none.
#include "trainer/loop/evaluator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/trainer/loop/numbered_samples.hpp"

namespace annulus::trainer {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Le;

/// Right with probability 1/2, except that every fifth sample is taken for the next class and its own gets
/// 1/8.
std::vector<float> mostly_right(std::uint64_t sample) {
  const std::uint64_t label = sample % kNumberedClasses;
  const bool wrong = sample % 5 == 0;
  std::vector<float> row(kNumberedClasses, 0.25f);
  row[label] = wrong ? 0.125f : 0.5f;
  if (wrong) row[(label + 1) % kNumberedClasses] = 0.625f;
  return row;
}

class EvaluatorTest : public testing::Test {
 protected:
  Evaluation evaluate(std::uint64_t samples, const Answer& answer, EvaluatorOptions options,
                      const Evaluator::Sink& sink = {}) {
    NumberedSource source(samples);
    AnsweringReplica replica(answer);
    Evaluator evaluator(replica, *group_, source, io::Generator(source.info(), {}, {}, 0), options);
    const Evaluation result = evaluator.run(sink);
    blocks_ = replica.blocks;
    return result;
  }

  std::unique_ptr<comm::ProcessGroup> group_ = comm::make_serial_group();
  std::vector<std::int64_t> blocks_;
};

TEST_F(EvaluatorTest, MeansAreOverSamplesAlsoWhenTheLastBlockIsNotFull) {
  const Evaluation result = evaluate(23, mostly_right, {.block = 4, .shards = 3});

  // 0, 5, 10, 15 and 20 are wrong.
  EXPECT_NEAR(result.loss, (18 * std::log(2.0) + 5 * std::log(8.0)) / 23, 1e-12);
  EXPECT_DOUBLE_EQ(result.accuracy, 18.0 / 23);
  EXPECT_EQ(std::accumulate(blocks_.begin(), blocks_.end(), std::int64_t{0}), 23);
  EXPECT_THAT(blocks_, Each(Le(4)));
}

TEST_F(EvaluatorTest, LossHasLabelSmoothingWhereAsked) {
  const Evaluation result = evaluate(23, mostly_right, {.block = 4, .shards = 3, .label_smoothing = 0.3});

  const auto cross_entropy = [](double own, double other, double third) {
    return -0.8 * std::log(own) - 0.1 * std::log(other) - 0.1 * std::log(third);
  };
  EXPECT_NEAR(result.loss, (18 * cross_entropy(0.5, 0.25, 0.25) + 5 * cross_entropy(0.125, 0.625, 0.25)) / 23,
              1e-12);
  EXPECT_DOUBLE_EQ(result.accuracy, 18.0 / 23);
}

TEST_F(EvaluatorTest, ConfusionHasLabelsAsRows) {
  const Evaluation result = evaluate(23, mostly_right, {.block = 4, .shards = 3});

  // Labels of the wrong ones: 0 and 15 are 0, 10 is 1, 5 and 20 are 2; each is taken for the next.
  EXPECT_THAT(result.confusion, ElementsAre(6, 2, 0, 0, 7, 1, 2, 0, 5));
}

TEST_F(EvaluatorTest, ClassesAreCountedWithAndWithoutAMatrix) {
  for (const auto matrix : {ConfusionMatrix::never, ConfusionMatrix::small, ConfusionMatrix::always}) {
    const Evaluation result = evaluate(23, mostly_right, {.block = 4, .shards = 3, .confusion = matrix});

    EXPECT_THAT(result.labelled, ElementsAre(8, 8, 7));
    EXPECT_THAT(result.recognised, ElementsAre(6, 7, 5));
    EXPECT_EQ(recall(result, 2), 5.0 / 7);
    EXPECT_EQ(result.confusion.size(), matrix == ConfusionMatrix::never ? 0u : 9u);
  }
}

TEST_F(EvaluatorTest, NothingGrowsWithTheSquareOfManyClassesUnlessAskedFor) {
  constexpr std::int64_t kClasses = kMostConfused + 1;
  NumberedSource source(3);
  AnsweringReplica replica(
      [](std::uint64_t sample) {
        std::vector<float> row(kClasses, 0.0f);
        row[sample % kNumberedClasses] = 1;
        return row;
      },
      kClasses);
  const auto matrix_of = [&](ConfusionMatrix matrix) {
    Evaluator evaluator(replica, *group_, source, io::Generator(source.info(), {}, {}, 0),
                        {.block = 4, .shards = 1, .confusion = matrix});
    return evaluator.run().confusion;
  };

  EXPECT_EQ(matrix_of(ConfusionMatrix::small).size(), 0u);
  const std::vector<std::uint64_t> all = matrix_of(ConfusionMatrix::always);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kClasses * kClasses));
  EXPECT_EQ(all[kClasses + 1], 1u);
  EXPECT_EQ(std::accumulate(all.begin(), all.end(), std::uint64_t{0}), 3u);
}

TEST_F(EvaluatorTest, ATrainingCountsNoPairsOfClasses) {
  const Config config =
      parse_config("network: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}\n", "test.yaml").config;
  EXPECT_EQ(evaluator_options(config).confusion, ConfusionMatrix::never);
}

TEST_F(EvaluatorTest, MacroRecallTakesClassesAlikeAndOnlyThoseThatOccur) {
  const Evaluation all = evaluate(23, mostly_right, {.block = 4, .shards = 3});
  const Evaluation two = evaluate(2, mostly_right, {.block = 4, .shards = 3});  // of the classes 0 and 1

  EXPECT_DOUBLE_EQ(all.macro_recall, (6.0 / 8 + 7.0 / 8 + 5.0 / 7) / 3);
  EXPECT_DOUBLE_EQ(two.macro_recall, 1.0 / 2)
      << "sample 0 is wrong, sample 1 right, and there is none of class 2";
  EXPECT_FALSE(recall(two, 2));
}

TEST_F(EvaluatorTest, TopKCountsLabelsAmongTheKLargest) {
  // Every fifth label has the smallest output, every other one the largest.
  const Evaluation result = evaluate(23, mostly_right, {.block = 4, .shards = 3, .top = {1, 2}});
  ASSERT_EQ(result.top.size(), 2u);
  EXPECT_EQ(result.top[0].k, 1);
  EXPECT_EQ(result.top[0].share, result.accuracy);
  EXPECT_DOUBLE_EQ(result.top[1].share, 18.0 / 23);

  const auto second = [](std::uint64_t sample) {
    std::vector<float> row(kNumberedClasses, 0.1f);
    row[sample % kNumberedClasses] = 0.3f;
    row[(sample + 1) % kNumberedClasses] = 0.6f;
    return row;
  };
  const Evaluation close = evaluate(9, second, {.block = 4, .shards = 3, .top = {1, 2}});
  EXPECT_EQ(close.top[0].share, 0);
  EXPECT_EQ(close.top[1].share, 1);
}

TEST_F(EvaluatorTest, OfEqualOutputsTheLowerNumberComesFirst) {
  const auto equal = [](std::uint64_t) { return std::vector<float>(kNumberedClasses, 1.0f / 3); };

  const Evaluation result = evaluate(9, equal, {.block = 4, .shards = 1, .top = {1, 2}});

  EXPECT_DOUBLE_EQ(result.accuracy, 3.0 / 9);
  EXPECT_DOUBLE_EQ(result.top[0].share, 3.0 / 9);
  EXPECT_DOUBLE_EQ(result.top[1].share, 6.0 / 9);
}

TEST_F(EvaluatorTest, WhatIsNoNumberIsNeverRight) {
  const auto nothing = [](std::uint64_t) {
    return std::vector<float>(kNumberedClasses, std::numeric_limits<float>::quiet_NaN());
  };

  const Evaluation result = evaluate(9, nothing, {.block = 4, .shards = 1, .top = {2}});

  EXPECT_EQ(result.accuracy, 0);
  EXPECT_EQ(result.top[0].share, 0);
  EXPECT_EQ(result.macro_recall, 0);
}

TEST_F(EvaluatorTest, EachSampleIsSeenOnceAndSaysSo) {
  for (const std::uint64_t samples : {1, 2, 11, 12, 13, 25}) {
    const Evaluation result = evaluate(samples, mostly_right, {.block = 4, .shards = 3});

    EXPECT_EQ(result.samples, samples);
    EXPECT_EQ(result.index_sum, samples * (samples - 1) / 2);
    EXPECT_TRUE(result.each_once) << samples;
  }
}

TEST_F(EvaluatorTest, BlocksReachTheSinkInTheOrderOfTheSamples) {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  evaluate(17, mostly_right, {.block = 2, .shards = 4}, [&](auto rows, auto of_rows) {
    EXPECT_EQ(rows.size(), of_rows.size() * kNumberedClasses);
    probabilities.insert(probabilities.end(), rows.begin(), rows.end());
    labels.insert(labels.end(), of_rows.begin(), of_rows.end());
  });

  ASSERT_EQ(labels.size(), 17u);
  for (std::uint64_t s = 0; s < 17; ++s) {
    EXPECT_EQ(labels[s], static_cast<std::int32_t>(s % kNumberedClasses));
    const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(s * kNumberedClasses);
    EXPECT_EQ(std::vector<float>(row, row + kNumberedClasses), mostly_right(s)) << s;
  }
}

TEST_F(EvaluatorTest, SomethingImpossibleThatHappensCostsMuchButNotEverything) {
  const auto certain_of_zero = [](std::uint64_t) { return std::vector<float>{1, 0, 0}; };

  const Evaluation result = evaluate(3, certain_of_zero, {.block = 4, .shards = 1});

  EXPECT_NEAR(result.loss, -2 * std::log(static_cast<double>(FLT_MIN)) / 3, 1e-9);
}

TEST_F(EvaluatorTest, OneAnswerThatIsNoNumberMakesTheLossNone) {
  const auto once_nan = [](std::uint64_t sample) {
    return sample == 7 ? std::vector<float>(kNumberedClasses, std::numeric_limits<float>::quiet_NaN())
                       : mostly_right(sample);
  };

  const Evaluation result = evaluate(9, once_nan, {.block = 2, .shards = 2});

  EXPECT_TRUE(std::isnan(result.loss));
  EXPECT_TRUE(result.each_once);  // it was seen, what came out is another matter
}

TEST_F(EvaluatorTest, RunsAgainFromTheFirstSample) {
  NumberedSource source(10);
  AnsweringReplica replica(mostly_right);
  Evaluator evaluator(replica, *group_, source, io::Generator(source.info(), {}, {}, 0),
                      {.block = 2, .shards = 2});

  const Evaluation first = evaluator.run();
  const Evaluation second = evaluator.run();

  EXPECT_TRUE(second.each_once);
  EXPECT_EQ(second.loss, first.loss);
}

}  // namespace
}  // namespace annulus::trainer
