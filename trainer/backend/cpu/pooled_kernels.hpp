// Kernels for a 3x3 convolution with a 2x2 max pool behind it. A max pool hands its gradient to one element
// in four, so backward of the convolution has at least 75 % zeros to multiply with: these kernels list the
// others (fewer still behind a ReLU or dropout) and visit only them. Exact in the sense of the dense
// algorithm: the same products, summed in another order. For processors with AVX-512; images are blocked by
// 16 channels, (C/16, H, W, 16).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace annulus::trainer::cpu {

constexpr int kBlock = 16;  ///< channels that lie together, and floats of a vector

/// Whether this processor can run the kernels.
bool has_pooled_kernels();

/// The shapes of one sample. The convolution has stride 1; the pool takes every element of its output but an
/// odd last row or column: no gradient comes from there.
struct PooledShape {
  int height = 0, width = 0;  ///< of the source
  int padding_top = 0, padding_left = 0;
  int source_channels = 0;                  ///< a multiple of 16, or few: then the source is plain, (C, H, W)
  int target_channels = 0;                  ///< a multiple of 16
  int pooled_height = 0, pooled_width = 0;  ///< of the output, half of the convolution's, rounded down
  int rest_rows = 0, rest_columns = 0;      ///< of the convolution's output that the pool drops: 0 or 1

  int source_blocks() const { return source_channels / kBlock; }
  int target_blocks() const { return target_channels / kBlock; }
  bool blocked() const { return source_channels % kBlock == 0; }
  int pixels() const { return pooled_height * pooled_width; }
  /// Extents of the convolution's output.
  int unpooled_height() const { return 2 * pooled_height + rest_rows; }
  int unpooled_width() const { return 2 * pooled_width + rest_columns; }
  /// Extents of the source with the zeros around it.
  int padded_height() const { return unpooled_height() + 2; }
  int padded_width() const { return unpooled_width() + 2; }
  bool padded() const { return padded_height() != height || padded_width() != width; }
  std::size_t source_floats() const { return floats(source_channels, height, width); }
  std::size_t padded_floats() const { return floats(source_channels, padded_height(), padded_width()); }
  std::size_t unpooled_floats() const { return floats(target_channels, unpooled_height(), unpooled_width()); }
  std::size_t pooled_floats() const { return floats(target_channels, pooled_height, pooled_width); }
  std::size_t kernel_floats() const { return floats(source_channels * target_channels, 3, 3); }

 private:
  static std::size_t floats(int channels, int rows, int columns) {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(rows) *
           static_cast<std::size_t>(columns);
  }
};

/// Pools one sample by the rule of planning/max_pool_rule.hpp.
/// @param source   (target_channels / 16, unpooled_height, unpooled_width, 16)
/// @param pooled   (target_channels / 16, pooled_height, pooled_width, 16)
/// @param winners  as pooled: 2 * row + column of the largest element in its window
void pool_maxima(const PooledShape& shape, const float* source, float* pooled, std::uint8_t* winners);

/// bias_gradient (filters) += the sums of a sample's pooled gradient over its pixels.
void add_bias_gradient(const PooledShape& shape, const float* gradient, float* bias_gradient);

/// Gradients of one sample after another, from gradients of the *pooled* output.
class PooledBackward {
 public:
  virtual ~PooledBackward() = default;
  /// Memory that a sample needs, in floats; place() hands it over, 64-byte aligned.
  virtual std::size_t scratch_floats() const = 0;
  virtual void place(float* scratch) = 0;

  /// Takes in the pooled gradient of a sample; the calls below work on it, and the arrays must last.
  virtual void take(const float* gradient, const std::uint8_t* winners) = 0;
  /// kernel_gradient += this sample's.
  virtual void add_kernel_gradient(const float* source, float* kernel_gradient) = 0;
  /// Writes the gradient of the source, as the source.
  virtual void source_gradient(const float* kernel, float* gradient) = 0;
};

/// For blocked sources: lists what is not zero. Kernels and their gradients are (filters, source_blocks, 3,
/// 3, 16 input channels): oneDNN's aBcd16b.
std::unique_ptr<PooledBackward> make_blocked_backward(const PooledShape& shape);

/// For the first layer, whose source has few channels and wants no gradient: picks the winner's window out of
/// a 4x4 patch for 16 filters at once. Kernels are (filters / 16, 3, 3, source_channels, 16 filters):
/// oneDNN's Acdb16a.
std::unique_ptr<PooledBackward> make_plane_backward(const PooledShape& shape);

}  // namespace annulus::trainer::cpu
