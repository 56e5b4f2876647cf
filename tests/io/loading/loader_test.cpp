// The loader delivers the same batches whatever its threads, depth and rank do, and passes errors on.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <numeric>
#include <thread>

#include "base/error.hpp"
#include "io/loading/batch_loader.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

using test::PatternSource;

constexpr std::uint64_t kSeed = 9;
const SampleShape kShape{6, 5, 3};

AugmentationOptions some_augmentation() {
  AugmentationOptions options;
  options.rotation_range = 20;
  options.horizontal_flip = true;
  options.crop_padding = 1;
  return options;
}

/// A batch without its buffers.
struct Copy {
  std::uint64_t epoch;
  std::uint64_t step;
  std::int64_t samples;
  std::vector<std::vector<float>> images;
  std::vector<std::vector<std::int32_t>> labels;
  std::vector<std::vector<std::uint64_t>> numbers;
  bool operator==(const Copy&) const = default;
};

Copy copy(const Batch& batch) {
  Copy result{batch.epoch, batch.step, batch.samples, {}, {}, {}};
  for (const Shard& shard : batch.shards) {
    result.images.emplace_back(shard.images.begin(), shard.images.end());
    result.labels.emplace_back(shard.labels.begin(), shard.labels.end());
    result.numbers.emplace_back(shard.samples.begin(), shard.samples.end());
  }
  return result;
}

struct Arrangement {
  std::uint64_t samples = 50;
  SamplerOptions sampler{.samples = 50, .batch = 12, .shards = 4, .seed = kSeed};
  LoaderOptions loader{.first_shard = 0, .owned_shards = 4};
  AugmentationOptions augmentation = some_augmentation();
};

std::vector<Copy> run(const Arrangement& setup, std::uint64_t step, int count) {
  PatternSource source(setup.samples, kShape);
  const Generator generator(source.info(), setup.augmentation, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
  loader.seek(0, step);
  std::vector<Copy> batches;
  batches.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) batches.push_back(copy(loader.next()));
  return batches;
}

TEST(BatchLoader, DeliversWhatTheSamplerAndTheGeneratorSay) {
  const Arrangement setup;
  const PatternSource source(setup.samples, kShape);
  const Generator generator(source.info(), some_augmentation(), {}, kSeed);
  const ShardedSampler sampler(setup.sampler);

  const Copy batch = run(setup, 2, 1)[0];

  EXPECT_EQ(batch.step, 2u);
  EXPECT_EQ(batch.samples, 12);
  ASSERT_EQ(batch.numbers.size(), 4u);
  for (std::int64_t shard = 0; shard < 4; ++shard) {
    const auto& numbers = batch.numbers[static_cast<std::size_t>(shard)];
    EXPECT_EQ(numbers, sampler.shard_samples(0, 2, shard));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      std::vector<std::uint8_t> raw(90);
      for (std::size_t k = 0; k < raw.size(); ++k) raw[k] = PatternSource::pixel(numbers[i], k);
      std::vector<float> expected(90);
      generator.make(std::as_bytes(std::span(raw)), 0, numbers[i], PixelLayout::channels_last, expected);
      const auto& images = batch.images[static_cast<std::size_t>(shard)];
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), images.begin() + static_cast<long>(i) * 90));
      EXPECT_EQ(batch.labels[static_cast<std::size_t>(shard)][i], static_cast<std::int32_t>(numbers[i] % 2));
    }
  }
}

TEST(BatchLoader, ThreadsAndDepthDoNotShow) {
  const Arrangement plain;
  Arrangement busy;
  busy.loader.threads = 3;
  busy.loader.depth = 4;

  EXPECT_EQ(run(plain, 0, 12), run(busy, 0, 12));
}

/// Smaller and larger than the stored ones, on any number of threads and by any rank.
TEST(BatchLoader, DeliversImagesOfAnotherSize) {
  for (const std::int64_t height : {4, 9}) {
    Arrangement whole;
    whole.augmentation.crop = Crop::random_resized;
    whole.augmentation.crop_height = height;
    whole.augmentation.crop_width = 7;
    Arrangement half = whole;
    half.loader.first_shard = half.loader.owned_shards = 2;
    half.loader.threads = 3;
    const Generator generator(PatternSource(50, kShape).info(), whole.augmentation, {}, kSeed);
    const auto size = static_cast<std::size_t>(height * 7 * 3);

    const Copy batch = run(whole, 1, 1)[0];

    const std::vector<float>& images = batch.images.at(1);
    ASSERT_EQ(images.size(), batch.numbers.at(1).size() * size);
    for (std::size_t i = 0; i < batch.numbers[1].size(); ++i) {
      std::vector<std::uint8_t> raw(90);
      for (std::size_t k = 0; k < raw.size(); ++k) raw[k] = PatternSource::pixel(batch.numbers[1][i], k);
      std::vector<float> expected(size);
      generator.make(std::as_bytes(std::span(raw)), 0, batch.numbers[1][i], PixelLayout::channels_last,
                     expected);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), images.begin() + static_cast<long>(i * size)));
    }
    EXPECT_EQ(run(half, 1, 1)[0].images, (std::vector(batch.images.begin() + 2, batch.images.end())));
  }
}

TEST(BatchLoader, SeekingEqualsRunningThere) {
  const Arrangement setup;

  const auto straight = run(setup, 0, 12);
  const auto resumed = run(setup, 3, 9);

  EXPECT_EQ(std::vector<Copy>(straight.begin() + 3, straight.end()), resumed);
  EXPECT_EQ(straight[5].epoch, 1u);
  EXPECT_EQ(straight[5].step, 0u);
}

TEST(BatchLoader, SeekingAgainStartsOver) {
  PatternSource source(50, kShape);
  const Arrangement setup;
  const Generator generator(source.info(), some_augmentation(), {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
  const auto expected = run(setup, 0, 3);

  for (int round = 0; round < 20; ++round) {
    loader.seek(5, 4);
    if (round % 2 == 0) loader.next();
    loader.seek(0, 0);
    for (const Copy& batch : expected) ASSERT_EQ(copy(loader.next()), batch) << "round " << round;
  }
}

TEST(BatchLoader, ShardsOfAllRanksMakeTheWholeStep) {
  const Arrangement whole;
  const auto expected = run(whole, 0, 10);
  for (const std::int64_t ranks : {1, 2, 4}) {
    std::vector<std::vector<Copy>> parts;
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      Arrangement part = whole;
      part.loader.owned_shards = 4 / ranks;
      part.loader.first_shard = rank * part.loader.owned_shards;
      parts.push_back(run(part, 0, 10));
    }
    for (std::size_t step = 0; step < expected.size(); ++step) {
      Copy joined = expected[step];
      joined.images.clear();
      joined.labels.clear();
      joined.numbers.clear();
      for (const auto& part : parts) {
        const Copy& batch = part[step];
        joined.images.insert(joined.images.end(), batch.images.begin(), batch.images.end());
        joined.labels.insert(joined.labels.end(), batch.labels.begin(), batch.labels.end());
        joined.numbers.insert(joined.numbers.end(), batch.numbers.begin(), batch.numbers.end());
      }
      EXPECT_EQ(joined, expected[step]) << ranks << " ranks, step " << step;
    }
  }
}

TEST(BatchLoader, ThreeRanksSeeEverySampleOnce) {
  std::vector<std::uint64_t> seen;
  for (std::int64_t rank = 0; rank < 3; ++rank) {
    const Arrangement setup{.samples = 50,
                            .sampler = {.samples = 50, .batch = 12, .shards = 6, .seed = kSeed},
                            .loader = {.first_shard = rank * 2, .owned_shards = 2}};
    for (const Copy& batch : run(setup, 0, 5))
      for (const auto& numbers : batch.numbers) seen.insert(seen.end(), numbers.begin(), numbers.end());
  }

  std::sort(seen.begin(), seen.end());
  std::vector<std::uint64_t> all(50);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(seen, all);
}

TEST(BatchLoader, GivesEmptyShardsWhenThereAreFewerSamplesThanShards) {
  const Arrangement setup{.samples = 2,
                          .sampler = {.samples = 2, .batch = 12, .shards = 4, .seed = kSeed},
                          .loader = {.first_shard = 2, .owned_shards = 2}};

  const Copy batch = run(setup, 0, 3)[2];

  EXPECT_EQ(batch.samples, 2);
  EXPECT_EQ(batch.epoch, 2u);
  ASSERT_EQ(batch.numbers.size(), 2u);
  EXPECT_TRUE(batch.numbers[0].empty());
  EXPECT_TRUE(batch.images[0].empty());
}

TEST(BatchLoader, AlignsEveryShard) {
  PatternSource source(50, kShape);
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
  loader.seek(0, 0);

  for (const Shard& shard : loader.next().shards)
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(shard.images.data()) % 64, 0u);
}

TEST(BatchLoader, RethrowsReadErrorsAgainAndAgainUntilSeek) {
  PatternSource source(50, kShape);
  int reads = 0;
  source.before_read = [&](auto) {
    if (++reads == 3) throw DataError("row 4711 is damaged");
  };
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
  loader.seek(0, 0);

  EXPECT_EQ(loader.next().step, 0u);
  EXPECT_EQ(loader.next().step, 1u);
  EXPECT_THROW(loader.next(), DataError);
  EXPECT_THROW(loader.next(), DataError);
  loader.seek(0, 2);
  EXPECT_EQ(loader.next().step, 2u);
}

TEST(BatchLoader, SeekingWithBatchesAheadUsesUpNoBuffers) {
  PatternSource source(50, kShape);
  std::atomic<int> reads{0};
  source.before_read = [&](auto) { ++reads; };
  Arrangement setup;
  setup.loader.depth = 2;
  const Generator generator(source.info(), {}, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);

  for (int round = 0; round < 10; ++round) {
    reads = 0;
    loader.seek(0, 0);
    EXPECT_EQ(loader.next().step, 0u);
    while (reads < 3) std::this_thread::yield();  // the third read begins when the second batch is ready
  }
  loader.seek(0, 2);

  EXPECT_EQ(loader.next().step, 2u);  // would wait for ever without a buffer to read into
}

TEST(BatchLoader, ErrorsUseUpNoBuffers) {
  PatternSource source(50, kShape);
  bool broken = true;
  source.before_read = [&](auto) {
    if (broken) throw DataError("row 4711 is damaged");
  };
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);

  for (int i = 0; i < 10; ++i) {
    loader.seek(0, 0);
    EXPECT_THROW(loader.next(), DataError);
  }
  broken = false;
  loader.seek(0, 3);

  EXPECT_EQ(loader.next().step, 3u);  // would wait for ever without a buffer to read into
}

TEST(BatchLoader, StopsReadingAfterTheEpochsAskedFor) {
  PatternSource source(50, kShape);
  std::uint64_t read = 0;
  source.before_read = [&](std::span<const std::uint64_t> samples) { read += samples.size(); };
  Arrangement setup;
  setup.loader.epochs = 2;
  setup.loader.depth = 4;
  {
    const Generator generator(source.info(), {}, {}, kSeed);
    BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
    loader.seek(7, 0);
    for (int i = 0; i < 10; ++i) loader.next();
    EXPECT_THROW(loader.next(), std::logic_error);
  }

  EXPECT_EQ(read, 100u) << "the loader read beyond its last epoch";
}

TEST(BatchLoader, EndsCleanlyInTheMiddleOfARead) {
  PatternSource source(50, kShape);
  std::promise<void> reading;
  std::promise<void> go_on;
  bool first = true;
  source.before_read = [&](auto) {
    if (!std::exchange(first, false)) return;
    reading.set_value();
    go_on.get_future().wait();
  };
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);
  auto loader = std::make_unique<BatchLoader>(source, ShardedSampler(setup.sampler), generator, setup.loader);
  loader->seek(0, 0);
  reading.get_future().wait();

  auto end = std::async(std::launch::async, [&] { loader.reset(); });
  go_on.set_value();

  EXPECT_EQ(end.wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(BatchLoader, EndsCleanlyWhereAReadFailsMeanwhile) {
  PatternSource source(50, kShape);
  std::atomic<bool> reading{false};
  source.before_read = [&](auto) {
    reading = true;
    // Long enough for the destructor to have begun, most of the times.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    throw DataError("row 4711 is damaged");
  };
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);

  for (int round = 0; round < 100; ++round) {
    BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
    reading = false;
    loader.seek(0, 0);
    while (!reading) std::this_thread::yield();
  }  // would wait for ever if the error made the I/O thread forget that it shall return
}

TEST(BatchLoader, LooksAgainAtABatchAndGoesOn) {
  const Arrangement setup;
  const std::vector<Copy> batches = run(setup, 0, 4);
  PatternSource source(setup.samples, kShape);
  std::atomic<int> readers{0};
  std::atomic<bool> together{false};
  const Generator generator(source.info(), some_augmentation(), {}, kSeed);
  LoaderOptions options = setup.loader;
  options.content = BatchContent::pixels;  // images come back all the same
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, options);
  source.before_read = [&](auto) {
    if (++readers > 1) together = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that a second reader would be seen
    --readers;
  };

  for (int i = 0; i < 3; ++i) {
    loader.seek(0, 2);
    EXPECT_EQ(copy(loader.next()).numbers, batches[2].numbers);
    EXPECT_EQ(copy(loader.look_again(0, 1)), batches[1]);  // while batches were being prepared
    EXPECT_FALSE(together);
  }
  loader.seek(0, 3);
  EXPECT_EQ(copy(loader.next()).numbers, batches[3].numbers);
}

TEST(BatchLoader, CountsWaitingTime) {
  PatternSource source(50, kShape);
  const Arrangement setup;
  const Generator generator(source.info(), {}, {}, kSeed);
  BatchLoader loader(source, ShardedSampler(setup.sampler), generator, setup.loader);
  EXPECT_EQ(loader.waited_seconds(), 0);

  for (int i = 0; i < 1000 && loader.waited_seconds() == 0; ++i) {  // the loader may be the faster one
    loader.seek(0, 0);
    loader.next();
  }

  EXPECT_GT(loader.waited_seconds(), 0);
}

TEST(BatchLoader, RefusesASourceWithoutSamples) {
  PatternSource source(0, kShape);
  const Generator generator(source.info(), {}, {}, kSeed);
  const ShardedSampler sampler({.samples = 0, .batch = 4, .shards = 1});

  EXPECT_THROW(BatchLoader(source, sampler, generator, {}), UsageError);
}

}  // namespace
}  // namespace annulus::io
