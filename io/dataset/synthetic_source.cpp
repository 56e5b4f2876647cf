// Noise on a level that the label sets; computed by sample number, nothing is stored.
#include "io/dataset/synthetic_source.hpp"

#include <string>

#include "base/random.hpp"

namespace annulus::io {
namespace {

class SyntheticSource final : public SampleSource {
 public:
  explicit SyntheticSource(const SyntheticOptions& options) : seed_(options.seed) {
    info_ = {.name = "synthetic",
             .samples = options.samples,
             .shape = options.shape,
             .pixels = PixelType::uint8,
             .chunk = 1,
             .resident = true,
             .vectors = options.vectors,
             .numbered = true};
    for (std::int64_t k = 0; k < options.classes; ++k) info_.classes.push_back(std::to_string(k));
    noise_.resize(kNoise + options.shape.size());
    RandomStream random(seed_, Purpose::test, 0, 0);
    for (std::uint8_t& value : noise_) value = static_cast<std::uint8_t>(random.next() % 128);
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    const std::size_t size = info_.shape.size();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      RandomStream random(seed_, Purpose::test, 1, samples[i]);
      std::int32_t& label = buffers.labels[i];
      label = static_cast<std::int32_t>(random.next() % info_.classes.size());
      const std::size_t start = random.next() % kNoise;
      const auto level = static_cast<std::uint8_t>(127 * label / static_cast<int>(info_.classes.size()));
      for (std::size_t k = 0; k < size; ++k)
        buffers.pixels[i * size + k] = static_cast<std::byte>(noise_[start + k] + level);
    }
    if (!buffers.vectors.empty()) read_vectors(samples, buffers.vectors);
  }

 private:
  static constexpr std::size_t kNoise = 1 << 16;

  void read_vectors(std::span<const std::uint64_t> samples, std::span<float> vectors) const {
    const auto length = static_cast<std::size_t>(total_length(info_.vectors));
    for (std::size_t i = 0; i < samples.size(); ++i) {
      RandomStream random(seed_, Purpose::test, 2, samples[i]);
      for (float& value : vectors.subspan(i * length, length)) value = random.uniform(-1.0f, 1.0f);
    }
  }

  std::uint64_t seed_;
  SourceInfo info_;
  std::vector<std::uint8_t> noise_;  ///< every image is a piece of it
};

}  // namespace

std::unique_ptr<SampleSource> make_synthetic_source(const SyntheticOptions& options) {
  return std::make_unique<SyntheticSource>(options);
}

}  // namespace annulus::io
