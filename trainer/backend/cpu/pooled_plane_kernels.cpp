// The gradient of the first convolution's kernel. Lanes are filters: each takes its own winner's 3x3 window
// out of the 4x4 patch that lies below the pooled pixel, by a permutation inside a register.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "trainer/backend/cpu/avx512.hpp"

namespace annulus::trainer::cpu {
namespace {

class PlaneBackward final : public PooledBackward {
 public:
  explicit PlaneBackward(const PooledShape& shape) : shape_(shape) {}
  std::size_t scratch_floats() const override { return shape_.padded() ? shape_.padded_floats() : 0; }
  void place(float* scratch) override { staged_ = shape_.padded() ? scratch : nullptr; }
  void take(const float* gradient, const std::uint8_t* winners) override {
    gradient_ = gradient;
    winners_ = winners;
  }
  void add_kernel_gradient(const float* source, float* kernel_gradient) override;
  void source_gradient(const float*, float*) override {
    expect_contract(false, "the network's input wants no gradient");
  }

 private:
  const float* with_border(const float* source);
  void add_plane(const float* plane, int block, float* kernel_gradient) const;

  PooledShape shape_;
  float* staged_ = nullptr;  // a source with the zeros around it
  const float* gradient_ = nullptr;
  const std::uint8_t* winners_ = nullptr;
};

const float* PlaneBackward::with_border(const float* source) {
  if (staged_ == nullptr) return source;
  std::memset(staged_, 0, shape_.padded_floats() * sizeof(float));
  const auto row = static_cast<std::size_t>(shape_.width);
  for (int channel = 0; channel < shape_.source_channels; ++channel)
    for (int y = 0; y < shape_.height; ++y, source += row)
      std::memcpy(staged_ +
                      (channel * shape_.padded_height() + y + shape_.padding_top) * shape_.padded_width() +
                      shape_.padding_left,
                  source, row * sizeof(float));
  return staged_;
}

/// Four rows of four floats in one register.
ANNULUS_AVX512 inline Vector load_patch(const float* from, std::size_t row) {
  Vector patch = _mm512_castps128_ps512(_mm_loadu_ps(from));
  patch = _mm512_insertf32x4(patch, _mm_loadu_ps(from + row), 1);
  patch = _mm512_insertf32x4(patch, _mm_loadu_ps(from + 2 * row), 2);
  return _mm512_insertf32x4(patch, _mm_loadu_ps(from + 3 * row), 3);
}

/// One channel and 16 filters. @param kernel_gradient  (9 taps, channels, 16) from this channel on
ANNULUS_AVX512 void PlaneBackward::add_plane(const float* plane, int block, float* kernel_gradient) const {
  const auto row = static_cast<std::size_t>(shape_.padded_width());
  const auto tap_stride = static_cast<std::size_t>(shape_.source_channels * kBlock);
  // In the patch, the window of winner 2 r + c starts at 4 r + c.
  const __m512i corner = _mm512_setr_epi32(0, 1, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const std::size_t first = static_cast<std::size_t>(block * shape_.pixels()) * kBlock;
  const float* gradient = gradient_ + first;
  const std::uint8_t* winners = winners_ + first;
  Vector sums[kTaps];
  ANNULUS_UNROLL for (std::size_t tap = 0; tap < kTaps; ++tap) sums[tap] =
      load(kernel_gradient + tap * tap_stride);
  for (int y = 0; y < shape_.pooled_height; ++y) {
    const float* below = plane + static_cast<std::size_t>(2 * y) * row;
    for (int x = 0; x < shape_.pooled_width; ++x, below += 2, gradient += kBlock, winners += kBlock) {
      const Vector patch = load_patch(below, row), value = load(gradient);
      const __m512i start = _mm512_permutexvar_epi32(load_bytes(winners), corner);
      ANNULUS_UNROLL for (int tap = 0; tap < kTaps; ++tap) {
        const __m512i place = _mm512_add_epi32(start, _mm512_set1_epi32(tap / 3 * 4 + tap % 3));
        sums[tap] = _mm512_fmadd_ps(value, _mm512_permutexvar_ps(place, patch), sums[tap]);
      }
    }
  }
  ANNULUS_UNROLL for (std::size_t tap = 0; tap < kTaps; ++tap)
      store(kernel_gradient + tap * tap_stride, sums[tap]);
}

void PlaneBackward::add_kernel_gradient(const float* source, float* kernel_gradient) {
  const float* planes = with_border(source);
  const int plane = shape_.padded_height() * shape_.padded_width();
  const int kernel = kTaps * shape_.source_channels * kBlock;  // of 16 filters
  for (int channel = 0; channel < shape_.source_channels; ++channel)
    for (int block = 0; block < shape_.target_blocks(); ++block)
      add_plane(planes + channel * plane, block, kernel_gradient + block * kernel + channel * kBlock);
}

}  // namespace

std::unique_ptr<PooledBackward> make_plane_backward(const PooledShape& shape) {
  return std::make_unique<PlaneBackward>(shape);
}

}  // namespace annulus::trainer::cpu
