// What tells a dataset that was changed from one that was not, without reading all of it.
#include "io/dataset/content_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace annulus::io {
namespace {

/// Samples of one pixel, whose values and labels a test may change one by one.
class ListedSource final : public SampleSource {
 public:
  explicit ListedSource(std::uint64_t samples) : pixels(samples), labels(samples) {
    info_.name = "list";
    info_.samples = samples;
    info_.shape = {1, 1, 1};
    info_.pixels = PixelType::uint8;
    info_.classes = {"zero", "one", "two"};
    for (std::uint64_t i = 0; i < samples; ++i) {
      pixels[i] = static_cast<std::byte>(i * 37);
      labels[i] = static_cast<std::int32_t>(i % 3);
    }
  }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return labels; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    for (std::size_t k = 0; k < samples.size(); ++k) {
      buffers.pixels[k] = pixels[samples[k]];
      buffers.labels[k] = labels[samples[k]];
    }
  }

  std::vector<std::byte> pixels;
  std::vector<std::int32_t> labels;

 private:
  SourceInfo info_;
};

constexpr std::uint64_t kMany = 10 * kHashedSamples;

std::uint64_t hash_of(ListedSource source) { return content_hash(source); }

TEST(ContentHash, IsThatOfTheSameContents) {
  EXPECT_EQ(hash_of(ListedSource(kMany)), hash_of(ListedSource(kMany)));
}

TEST(ContentHash, SeesEveryLabel) {
  const std::uint64_t unchanged = hash_of(ListedSource(kMany));
  for (const std::uint64_t sample :
       {std::uint64_t{0}, std::uint64_t{1}, kMany / 2 + 1, kMany - 2, kMany - 1}) {
    ListedSource changed(kMany);
    changed.labels[sample] = (changed.labels[sample] + 1) % 3;

    EXPECT_NE(content_hash(changed), unchanged) << sample;
  }
}

TEST(ContentHash, SeesLabelsThatChangedPlaces) {
  ListedSource changed(kMany);
  std::swap(changed.labels[1], changed.labels[2]);

  EXPECT_NE(content_hash(changed), hash_of(ListedSource(kMany)));
}

TEST(ContentHash, LooksAtSamplesFromTheFirstToTheLast) {
  const std::uint64_t unchanged = hash_of(ListedSource(kMany));
  for (const std::uint64_t sample : {std::uint64_t{0}, (kMany - 1) * 32 / (kHashedSamples - 1), kMany - 1}) {
    ListedSource changed(kMany);
    changed.pixels[sample] ^= std::byte{1};

    EXPECT_NE(content_hash(changed), unchanged) << sample;
  }
}

TEST(ContentHash, OfOneSampleIsThatSample) {
  ListedSource one(1), other(1);
  other.pixels[0] ^= std::byte{1};

  EXPECT_NE(content_hash(one), content_hash(other));
}

}  // namespace
}  // namespace annulus::io
