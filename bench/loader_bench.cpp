// Images a second that a loader delivers from a source in memory, by augmentation and number of threads; and
// what counting draws costs at the begin of an epoch.
#include <benchmark/benchmark.h>

#include "bench/usual_augmentation.hpp"
#include "io/loading/batch_loader.hpp"
#include "tests/support/pattern_source.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kBatch = 128;

/// Pictures held in memory, as a resident dataset does.
class MemorySource final : public SampleSource {
 public:
  MemorySource() : origin_(kSamples, {32, 32, 3}), pixels_(kSamples * kSize), labels_(kSamples) {
    std::vector<std::uint64_t> samples(kSamples);
    for (std::size_t i = 0; i < kSamples; ++i) samples[i] = i;
    origin_.read(samples, {pixels_, labels_});
  }
  const SourceInfo& info() const override { return origin_.info(); }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    for (std::size_t k = 0; k < samples.size(); ++k) {
      std::memcpy(buffers.pixels.data() + k * kSize, pixels_.data() + samples[k] * kSize, kSize);
      buffers.labels[k] = labels_[samples[k]];
    }
  }

 private:
  static constexpr std::size_t kSamples = 10000;
  static constexpr std::size_t kSize = 32 * 32 * 3;
  test::PatternSource origin_;
  std::vector<std::byte> pixels_;
  std::vector<std::int32_t> labels_;
};

void load(benchmark::State& state, const AugmentationOptions& options) {
  MemorySource source;
  const Normalisation normalisation{.rescale = 1 / 255.0f, .mean = {}, .deviation = {}};
  const Generator generator(source.info(), options, normalisation, 1);
  const ShardedSampler sampler({.samples = source.info().samples, .batch = kBatch, .shards = 4, .seed = 1});
  BatchLoader loader(source, sampler, generator,
                     {.owned_shards = 4, .threads = static_cast<int>(state.range(0))});
  loader.seek(0, 0);
  for (auto _ : state) benchmark::DoNotOptimize(loader.next().shards.data());
  state.SetItemsProcessed(state.iterations() * kBatch);
}

BENCHMARK_CAPTURE(load, plain, {})->Arg(1)->Arg(2)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK_CAPTURE(load, affine, full_affine())->Arg(1)->Arg(2)->MeasureProcessCPUTime()->UseRealTime();

/// The draws of an epoch, for a million samples of which 0.4 % are of a rare class.
void count_draws(benchmark::State& state, bool balanced) {
  constexpr std::size_t kSamples = 1'000'000;
  std::vector<std::int32_t> labels(kSamples);
  std::vector<float> weights(kSamples);
  for (std::size_t i = 0; i < kSamples; ++i) {
    labels[i] = i % 250 == 7 ? 2 : static_cast<std::int32_t>(i % 2);
    weights[i] = static_cast<float>(1 + i % 7);
  }
  const auto draws = balanced ? make_balanced_draws(labels, {}, 1) : make_weighted_draws(weights, labels, 1);
  std::uint64_t epoch = 0;
  for (auto _ : state) benchmark::DoNotOptimize(draws->counts(epoch++).data());
}

BENCHMARK_CAPTURE(count_draws, balanced, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(count_draws, weighted, false)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace annulus::io

BENCHMARK_MAIN();
