// Kernels for a 3x3 convolution with a 2x2 max pool behind it. A max pool hands its gradient to one element
// in four, so backward of the convolution has at least 75 % zeros to multiply with: these kernels list the
// others (fewer still behind a ReLU or dropout) and visit only them. Exact in the sense of the dense
// algorithm: the same products, summed in another order. For processors with AVX-512; images are blocked by
// 16 channels, (C/16, H, W, 16).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace annulus::trainer::cpu {

constexpr int kBlock = 16;  ///< channels that lie together, and floats of a vector

/// Whether this processor can run the kernels.
bool has_pooled_kernels();

/// The shapes of one sample. The convolution has stride 1; the pool takes every element of its output.
struct PooledShape {
  int height = 0, width = 0;  ///< of the source
  int padding_top = 0, padding_left = 0;
  int source_blocks = 0, target_blocks = 0;  ///< channels / 16
  int pooled_height = 0, pooled_width = 0;   ///< of the output, half of the convolution's

  int pixels() const { return pooled_height * pooled_width; }
  /// Extents of the source with the zeros around it.
  int padded_height() const { return 2 * pooled_height + 2; }
  int padded_width() const { return 2 * pooled_width + 2; }
  bool padded() const { return padded_height() != height || padded_width() != width; }
  int target_channels() const { return target_blocks * kBlock; }
  std::size_t source_floats() const { return floats(source_blocks, height, width); }
  std::size_t padded_floats() const { return floats(source_blocks, padded_height(), padded_width()); }
  std::size_t unpooled_floats() const { return 4 * pooled_floats(); }
  std::size_t pooled_floats() const { return floats(target_blocks, pooled_height, pooled_width); }

 private:
  static std::size_t floats(int blocks, int rows, int columns) {
    return static_cast<std::size_t>(blocks) * static_cast<std::size_t>(rows) *
           static_cast<std::size_t>(columns) * kBlock;
  }
};

/// Pools one sample. A NaN in a window comes through; of equal elements the first in row order wins.
/// @param source   (target_blocks, 2 pooled_height, 2 pooled_width, 16)
/// @param pooled   (target_blocks, pooled_height, pooled_width, 16)
/// @param winners  as pooled: 2 * row + column of the largest element in its window
void pool_maxima(const PooledShape& shape, const float* source, float* pooled, std::uint8_t* winners);

/// bias_gradient (filters) += the sums of a sample's pooled gradient over its pixels.
void add_bias_gradient(const PooledShape& shape, const float* gradient, float* bias_gradient);

/// Gradients of one sample after another, from gradients of the *pooled* output. Kernels and their gradients
/// are (filters, source_blocks, 3, 3, 16 input channels): oneDNN's aBcd16b.
class PooledBackward {
 public:
  explicit PooledBackward(const PooledShape& shape);
  /// Memory for the lists of a sample, in floats; place() hands it over, 64-byte aligned.
  std::size_t scratch_floats() const;
  void place(float* scratch);

  /// Lists what is not zero in the pooled gradient of a sample; the calls below work on that.
  void list(const float* gradient, const std::uint8_t* winners);
  /// kernel_gradient += this sample's. @param source  (source_blocks, height, width, 16)
  void add_kernel_gradient(const float* source, float* kernel_gradient);
  /// Writes the gradient of the source, as the source.
  void source_gradient(const float* kernel, float* gradient);

 private:
  void list_by_filter(const float* gradient, const std::uint8_t* winners);
  void list_by_pixel(const float* gradient, const std::uint8_t* winners);

  PooledShape shape_;
  std::vector<std::int32_t>
      window_starts_;              // (pixels): of the 4x4 patch below a window, in bytes of the source
  int band_rows_ = 1, bands_ = 1;  // pooled rows whose windows stay in the first-level cache together
  // By filter, in bands: gradients and where their 3x3 windows start in the padded source, in bytes.
  float* filter_values_ = nullptr;          // (filters, filter_stride_)
  std::int32_t* filter_offsets_ = nullptr;  // as above
  std::vector<std::int32_t> filter_ends_;   // (filters, bands)
  // By pooled pixel and winner: gradients and where their filter starts in the kernel, in floats.
  float* pixel_values_ = nullptr;            // (pixels, pixel_stride_)
  std::uint32_t* pixel_offsets_ = nullptr;   // as above
  std::vector<std::uint16_t> pixel_counts_;  // (pixels, 4)
  float* staged_ = nullptr;                  // a source or its gradient, with the zeros around it
  std::size_t filter_stride_ = 0, pixel_stride_ = 0;
};

}  // namespace annulus::trainer::cpu
