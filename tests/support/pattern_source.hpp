// A source made of arithmetic: pixel i of sample s is a fixed function of both, so tests can say what they
// expect.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "io/dataset/sample_source.hpp"

namespace annulus::test {

class PatternSource final : public io::SampleSource {
 public:
  PatternSource(std::uint64_t samples, SampleShape shape, io::PixelType pixels = io::PixelType::uint8,
                std::vector<NamedVector> vectors = {}) {
    info_.name = "pattern";
    info_.samples = samples;
    info_.shape = shape;
    info_.pixels = pixels;
    info_.classes = {"even", "odd"};
    info_.vectors = std::move(vectors);
  }

  /// Called at the start of every read; may throw or block.
  std::function<void(std::span<const std::uint64_t>)> before_read;

  std::vector<float> weights;  ///< of the samples; none at first

  static std::uint8_t pixel(std::uint64_t sample, std::size_t i) {
    return static_cast<std::uint8_t>((sample * 2654435761u + i * 40503u + (i * i * 7u)) >> 3);
  }

  /// Value i of a sample's row of vectors.
  static float vector_value(std::uint64_t sample, std::size_t i) {
    return static_cast<float>(pixel(sample + 17, i)) / 128.0f - 1.0f;
  }

  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return weights; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }

  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    if (before_read) before_read(samples);
    const auto size = static_cast<std::size_t>(info_.shape.size());
    const auto row = buffers.vectors.size() / std::max<std::size_t>(samples.size(), 1);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      buffers.labels[k] = static_cast<std::int32_t>(samples[k] % 2);
      for (std::size_t i = 0; i < size; ++i) write(buffers.pixels, k * size + i, pixel(samples[k], i));
      for (std::size_t i = 0; i < row; ++i) buffers.vectors[k * row + i] = vector_value(samples[k], i);
    }
  }

 private:
  void write(std::span<std::byte> pixels, std::size_t place, std::uint8_t value) const {
    if (info_.pixels == io::PixelType::uint8) {
      pixels[place] = std::byte{value};
      return;
    }
    const float number = value;
    std::memcpy(pixels.data() + place * sizeof number, &number, sizeof number);
  }

  io::SourceInfo info_;
};

}  // namespace annulus::test
