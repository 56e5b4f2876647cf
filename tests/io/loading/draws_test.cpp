// How often samples are drawn follows from seed and epoch alone; the order of draws keeps what the order of
// samples has: every item once, whatever the batch, and few chunks at a time.
#include "io/loading/draws.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "base/draw_key.hpp"
#include "io/loading/batch_loader.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using Counts = std::vector<std::uint32_t>;
using testing::Each;
using testing::ElementsAre;

/// Classes of 700, 4, none, 96 and 200 samples, mixed.
std::vector<std::int32_t> labels() {
  std::vector<std::int32_t> all;
  for (const auto& [label, count] : std::map<std::int32_t, int>{{0, 700}, {1, 4}, {3, 96}, {4, 200}})
    all.insert(all.end(), static_cast<std::size_t>(count), label);
  std::shuffle(all.begin(), all.end(), std::mt19937(5));
  return all;
}

Counts by_class(const Counts& counts, const std::vector<std::int32_t>& of) {
  Counts sums(5);
  for (std::size_t i = 0; i < counts.size(); ++i) sums[static_cast<std::size_t>(of[i])] += counts[i];
  return sums;
}

void add(const Counts& counts, Counts& sums) {
  sums.resize(counts.size());
  std::transform(sums.begin(), sums.end(), counts.begin(), sums.begin(), std::plus<>());
}

TEST(BalancedDraws, GiveEveryClassItsShareAndItsSamplesTheirTurn) {
  const auto of = labels();
  const auto draws = make_balanced_draws(of, {}, 7);
  Counts sums;
  for (std::uint64_t epoch = 0; epoch < 12; ++epoch) {
    const Counts counts = draws->counts(epoch);
    EXPECT_THAT(by_class(counts, of), ElementsAre(250, 250, 0, 250, 250));
    add(counts, sums);
    for (const std::int32_t k : {0, 1, 3, 4}) {
      std::vector<std::uint32_t> own;
      for (std::size_t i = 0; i < sums.size(); ++i)
        if (of[i] == k) own.push_back(sums[i]);
      const auto [least, most] = std::ranges::minmax(own);
      EXPECT_LE(most - least, 1u) << "class " << k << " after epoch " << epoch;
    }
  }
}

TEST(BalancedDraws, RoundSharesSoThatNothingIsLostOverTheEpochs) {
  const auto of = labels();
  const auto draws = make_balanced_draws(of, {1, 1, 0, 5, 0}, 7);
  Counts sums(5);
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    const Counts counts = draws->counts(epoch);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0u), 1000u);
    add(by_class(counts, of), sums);
    const double all = 1000.0 * static_cast<double>(epoch + 1);
    EXPECT_NEAR(sums[0], all / 7, 1);
    EXPECT_NEAR(sums[1], all / 7, 1);
    EXPECT_NEAR(sums[3], all * 5 / 7, 1);
    EXPECT_EQ(sums[4], 0u);
  }
}

TEST(BalancedDraws, DependOnSeedAndEpochOnly) {
  const auto of = labels();
  const auto draws = make_balanced_draws(of, {}, 7);
  const Counts late = draws->counts(5000);

  EXPECT_EQ(make_balanced_draws(of, {}, 7)->counts(5000), late);
  EXPECT_NE(make_balanced_draws(of, {}, 8)->counts(5000), late);
  EXPECT_NE(draws->counts(5001), late);
}

TEST(WeightedDraws, AreTheWeightsRoundedAndNeverFarFromThemOverTheEpochs) {
  std::mt19937 random(3);
  std::vector<float> weights(1000);
  for (float& weight : weights) weight = std::exp(std::normal_distribution<float>(0, 1.5)(random));
  std::fill(weights.begin() + 990, weights.end(), 0.0f);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto of = labels();
  const auto draws = make_weighted_draws(weights, of, 9);
  Counts sums;
  for (std::uint64_t epoch = 0; epoch < 100; ++epoch) {
    const Counts counts = draws->counts(epoch);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0u), 1000u);
    add(counts, sums);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double wanted = 1000 * weights[i] / sum;
      ASSERT_GE(counts[i], std::floor(wanted)) << i;
      ASSERT_LE(counts[i], std::ceil(wanted)) << i;
      ASSERT_NEAR(sums[i], wanted * static_cast<double>(epoch + 1), 3) << i << " after epoch " << epoch;
    }
  }
  EXPECT_EQ(draws->counts(70), make_weighted_draws(weights, of, 9)->counts(70));
  EXPECT_NE(draws->counts(70), make_weighted_draws(weights, of, 10)->counts(70));
}

/// Every second sample of a class, and every class, would be drawn in the same epochs were the line in the
/// order of the file.
TEST(WeightedDraws, OfWeightsThatComeAgainAndAgainAreNotAllRoundedAlike) {
  std::vector<std::int32_t> of(1000);
  std::vector<float> weights(1000);
  for (std::size_t i = 0; i < 1000; ++i) {
    of[i] = static_cast<std::int32_t>(i % 5);
    weights[i] = i % 5 == 0 ? 3 : i % 10 == 1 ? 1.5f : 0.5f;
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
    const Counts counts = make_weighted_draws(weights, of, 3)->counts(epoch);
    const Counts classes = by_class(counts, of);
    EXPECT_NEAR(classes[0], 1000 * 600 / sum, 1);
    EXPECT_NEAR(classes[1], 1000 * 200 / sum, 1);
    for (const std::size_t k : {2, 3, 4}) EXPECT_NEAR(classes[k], 1000 * 100 / sum, 1);
    const Counts odd = by_class(counts, [&] {
      std::vector<std::int32_t> halves(1000);
      for (std::size_t i = 0; i < 1000; ++i) halves[i] = of[i] == 2 ? (i % 10 == 7 ? 1 : 0) : 2;
      return halves;
    }());
    EXPECT_GT(odd[0], 20u) << "of class 2, in two halves of equal weights";
    EXPECT_GT(odd[1], 20u);
  }
}

TEST(WeightedDraws, OfEqualWeightsAreEverySampleOnce) {
  const auto draws = make_weighted_draws(std::vector<float>(1000, 0.3f), labels(), 1);
  for (std::uint64_t epoch = 0; epoch < 50; ++epoch) EXPECT_THAT(draws->counts(epoch), Each(1u));
}

class DrawnOrder : public testing::TestWithParam<SamplerOptions> {
 protected:
  static std::vector<std::uint64_t> order(const ShardedSampler& sampler, std::uint64_t epoch) {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); ++step)
      for (std::int64_t shard = 0; shard < sampler.options().shards; ++shard)
        std::ranges::copy(sampler.shard_samples(epoch, step, shard), std::back_inserter(keys));
    return keys;
  }
};

TEST_P(DrawnOrder, HasEverySampleAsOftenAsItIsDrawnUnderKeysOfTheirOwn) {
  const auto of = labels();
  SamplerOptions options = GetParam();
  options.draws = make_balanced_draws(of, {}, 7);
  const ShardedSampler sampler(options);
  for (const std::uint64_t epoch : {0u, 3u, 0u}) {
    std::vector<std::uint64_t> keys = order(sampler, epoch);
    EXPECT_FALSE(std::ranges::is_sorted(keys));
    Counts counts(1000);
    for (const std::uint64_t key : keys) ++counts.at(sample_of(key));
    EXPECT_EQ(counts, options.draws->counts(epoch));
    std::ranges::sort(keys);
    EXPECT_TRUE(std::ranges::adjacent_find(keys) == keys.end()) << "two draws have one key";
    EXPECT_EQ(keys.front(), 0u) << "the first draw of a sample has its number as key";
  }
}

std::shared_ptr<const RowSet> most_rows() {
  std::vector<bool> chosen(1250);
  for (std::size_t row = 0; row < chosen.size(); ++row) chosen[row] = row % 5 != 2;
  return std::make_shared<const RowSet>(chosen);
}

INSTANTIATE_TEST_SUITE_P(Orders, DrawnOrder,
                         testing::Values(SamplerOptions{.samples = 1000, .batch = 24, .shards = 4, .seed = 3},
                                         SamplerOptions{.samples = 1000,
                                                        .batch = 24,
                                                        .shards = 4,
                                                        .seed = 3,
                                                        .chunk = 16,
                                                        .window_chunks = 8,
                                                        .streams = 4},
                                         SamplerOptions{.samples = 1000,
                                                        .batch = 24,
                                                        .shards = 4,
                                                        .seed = 3,
                                                        .chunk = 16,
                                                        .window_chunks = 8,
                                                        .streams = 4,
                                                        .rows = most_rows()}));

TEST(LoadedDraws, AreReadByNumberAndAugmentedByKey) {
  constexpr SampleShape kShape{4, 4, 1};
  test::PatternSource source(8, kShape);
  const std::vector<float> weights{0, 0, 0, 1, 0, 0, 0, 0};
  const ShardedSampler sampler(
      {.samples = 8, .batch = 8, .draws = make_weighted_draws(weights, std::vector<std::int32_t>(8), 1)});
  const Generator generator(source.info(), {.horizontal_flip = true, .vertical_flip = true}, {}, 3);
  BatchLoader loader(source, sampler, generator, {});
  loader.seek(0, 0);
  source.before_read = [](std::span<const std::uint64_t> samples) { EXPECT_THAT(samples, Each(3u)); };

  const Shard shard = loader.next().shards.at(0);

  std::vector<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 8; ++i) keys.push_back(draw_key(3, i));
  EXPECT_THAT(shard.samples, testing::UnorderedElementsAreArray(keys));
  EXPECT_THAT(shard.labels, Each(1));
  std::vector<std::byte> pixels(16);
  std::vector<std::int32_t> label(1);
  source.read(std::vector<std::uint64_t>{3}, {pixels, label});
  std::vector<float> image(16);
  bool differ = false;
  for (std::size_t i = 0; i < 8; ++i) {
    generator.make(pixels, 0, shard.samples[i], PixelLayout::channels_last, image);
    const auto made = shard.images.subspan(i * 16, 16);
    EXPECT_TRUE(std::ranges::equal(made, image)) << i;
    differ = differ || !std::ranges::equal(made, shard.images.first(16));
  }
  EXPECT_TRUE(differ) << "every draw was flipped alike";
}

}  // namespace
}  // namespace annulus::io
