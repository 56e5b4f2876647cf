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

}  // namespace
}  // namespace annulus::io
