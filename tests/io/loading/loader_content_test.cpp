// What a batch brings along: augmented images, stored pixels or sample numbers alone, always of the same
// samples.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "io/loading/batch_loader.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

constexpr SampleShape kShape{2, 3, 2};

class LoaderContent : public testing::Test {
 protected:
  BatchLoader loader(LoaderOptions options) {
    options.owned_shards = 2;
    return {source_, sampler_, generator_, options};
  }

  test::PatternSource source_{10, kShape};
  ShardedSampler sampler_{{.samples = 10, .batch = 8, .shards = 2, .seed = 3}};
  Generator generator_{source_.info(), {}, {}, 3};
};

TEST_F(LoaderContent, PixelsAreTheStoredOnesOfAllShardsOneAfterAnother) {
  BatchLoader pixels = loader({.content = BatchContent::pixels});
  pixels.seek(0, 0);

  for (const std::size_t expected : {8u, 2u, 8u}) {  // the second step is short: one shard of two, one empty
    const Batch& batch = pixels.next();
    std::size_t at = 0;
    for (const Shard& shard : batch.shards) {
      EXPECT_TRUE(shard.images.empty());
      ASSERT_EQ(shard.labels.size(), shard.samples.size());
      for (std::size_t i = 0; i < shard.samples.size(); ++i, ++at) {
        EXPECT_EQ(shard.labels[i], static_cast<std::int32_t>(shard.samples[i] % 2));
        for (std::size_t k = 0; k < 12; ++k)
          ASSERT_EQ(batch.pixels[at * 12 + k], std::byte{test::PatternSource::pixel(shard.samples[i], k)});
      }
    }
    EXPECT_EQ(at, expected);
    EXPECT_EQ(batch.pixels.size(), expected * 12);
  }
}

TEST_F(LoaderContent, NumbersComeWithoutReadingTheSource) {
  source_.before_read = [](std::span<const std::uint64_t>) { FAIL() << "nothing is to be read"; };
  BatchLoader numbers = loader({.content = BatchContent::numbers});
  numbers.seek(0, 1);

  const Batch& batch = numbers.next();

  EXPECT_EQ(batch.samples, 2);
  EXPECT_EQ(batch.shards[0].size() + batch.shards[1].size(), 2);
  EXPECT_TRUE(batch.shards[0].labels.empty());
  EXPECT_TRUE(batch.pixels.empty());
}

TEST_F(LoaderContent, SamplesAreTheSameWhateverIsBrought) {
  BatchLoader images = loader({.content = BatchContent::images});
  BatchLoader numbers = loader({.content = BatchContent::numbers});
  images.seek(2, 0);
  numbers.seek(2, 0);

  for (int step = 0; step < 4; ++step) {
    const Batch& one = images.next();
    const Batch& other = numbers.next();
    for (std::size_t v = 0; v < 2; ++v)
      EXPECT_TRUE(std::ranges::equal(one.shards[v].samples, other.shards[v].samples)) << step << " " << v;
  }
}

TEST_F(LoaderContent, MemoryIsTheCallersAndMadeOnItsThread) {
  std::size_t made = 0;
  std::byte* last = nullptr;
  const auto caller = std::this_thread::get_id();
  const BatchMemory memory = [&](std::size_t bytes) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    ++made;
    const std::shared_ptr<std::byte[]> block(new std::byte[bytes]);
    last = block.get();
    return std::shared_ptr<std::byte>(block, block.get());
  };

  BatchLoader pixels = loader({.content = BatchContent::pixels, .depth = 1, .memory = memory});
  pixels.seek(0, 0);
  pixels.next();
  const Batch& batch = pixels.next();

  EXPECT_EQ(made, 2u);  // the one held and the one being prepared
  EXPECT_EQ(batch.pixels.data(), last);
}

TEST_F(LoaderContent, WeightsComeWithWhateverIsBrought) {
  for (std::size_t i = 0; i < 10; ++i) source_.weights.push_back(0.5f * static_cast<float>(i));
  for (const BatchContent content : {BatchContent::images, BatchContent::pixels, BatchContent::numbers}) {
    BatchLoader weighed = loader({.content = content, .weights = SampleWeights::factors});
    weighed.seek(1, 0);
    for (int step = 0; step < 2; ++step)
      for (const Shard& shard : weighed.next().shards) {
        ASSERT_EQ(shard.weights.size(), shard.samples.size());
        for (std::size_t i = 0; i < shard.weights.size(); ++i)
          EXPECT_EQ(shard.weights[i], 0.5f * static_cast<float>(shard.samples[i]));
      }
  }
  BatchLoader plain = loader({});
  plain.seek(1, 0);
  EXPECT_TRUE(plain.next().shards[0].weights.empty());
}

class LoaderMixtures : public testing::Test {
 protected:
  struct Made {
    std::vector<float> images, vectors, shares;
  };

  /// All of a step of 11 samples, of which the last shard has one or none.
  Made make(float mixup, const LoaderOptions& options, std::uint64_t step) {
    test::PatternSource source(11, {30, 50, 3}, PixelType::uint8, {{"track", 3}});
    const Generator generator(source.info(), {.horizontal_flip = true, .mixup = mixup}, {}, 3);
    BatchLoader loader(source, ShardedSampler({.samples = 11, .batch = 8, .shards = 4, .seed = 3}), generator,
                       options);
    loader.seek(1, step);
    Made made;
    for (const Shard& shard : loader.next().shards) {
      made.images.insert(made.images.end(), shard.images.begin(), shard.images.end());
      made.vectors.insert(made.vectors.end(), shard.vectors.begin(), shard.vectors.end());
      made.shares.insert(made.shares.end(), shard.shares.begin(), shard.shares.end());
    }
    return made;
  }

  /// Rows of two samples mixed with each other; of a sample alone as they are.
  static void expect_pairs(const std::vector<float>& mixed, const std::vector<float>& plain,
                           const std::vector<float>& shares) {
    const std::size_t length = plain.size() / shares.size();
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      const std::size_t row = i / length, partner = row ^ 1;
      const float own = plain[i];
      const float other = partner < shares.size() ? plain[partner * length + i % length] : own;
      const float expected = partner < shares.size() ? shares[row] * own + (1 - shares[row]) * other : own;
      ASSERT_EQ(mixed[i], expected) << row << " " << i % length;
    }
  }
};

TEST_F(LoaderMixtures, AreOfTheAugmentedSamplesOfAShard) {
  for (const std::uint64_t step : {0u, 1u}) {  // shards of 2, 2, 2, 2, then of 2, 1 and none
    const Made plain = make(0, {.owned_shards = 4}, step);
    const Made mixed = make(0.7f, {.owned_shards = 4}, step);

    EXPECT_TRUE(plain.shares.empty());
    ASSERT_EQ(mixed.shares.size(), step == 0 ? 8u : 3u);
    expect_pairs(mixed.images, plain.images, mixed.shares);
    expect_pairs(mixed.vectors, plain.vectors, mixed.shares);
    EXPECT_NE(mixed.images, plain.images);
  }
}

TEST_F(LoaderMixtures, DoNotKnowThreadsLayoutOrRanks) {
  const Made all = make(0.7f, {.owned_shards = 4}, 0);
  const Made threads = make(0.7f, {.owned_shards = 4, .threads = 3}, 0);
  const Made numbers = make(0.7f, {.owned_shards = 4, .content = BatchContent::numbers}, 0);
  Made first = make(0.7f, {.owned_shards = 2}, 0);
  const Made second = make(0.7f, {.first_shard = 2, .owned_shards = 2}, 0);

  EXPECT_EQ(threads.images, all.images);
  EXPECT_EQ(numbers.shares, all.shares);
  first.images.insert(first.images.end(), second.images.begin(), second.images.end());
  first.shares.insert(first.shares.end(), second.shares.begin(), second.shares.end());
  EXPECT_EQ(first.images, all.images);
  EXPECT_EQ(first.shares, all.shares);
}

}  // namespace
}  // namespace annulus::io
