// What the kinds of layers share in describing their keys, shapes and costs. For the files of this folder and
// the table of kinds; everybody else sees the structs alone.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "trainer/model/layers/cost.hpp"
#include "trainer/model/layers/fields.hpp"
#include "trainer/model/layers/layer_node.hpp"
#include "trainer/model/layers/network_limits.hpp"

namespace annulus::trainer {

/// Ranges of keys.
constexpr Limits kChannelCounts{1, NetworkLimits::kChannels};
constexpr Limits kKernelSides{1, NetworkLimits::kKernelSide};

/// What the rules of a kind need to know of a layer, and the layer that they fill in. Its name, type,
/// inputs and the shape of the first input are there; output and parameters are not.
struct LayerContext {
  LayerNode& layer;
  const std::vector<SampleShape>& inputs;  ///< shapes of all inputs, at least one
  std::string place;                       ///< start of every message: "a.yaml:12: layer conv2d_1 (conv2d)"
  EdgeRule edges = EdgeRule::drop;
};

/// @throws UsageError unless the value lies in [1, highest]
void require_range(const LayerContext& context, const char* what, std::int64_t value, std::int64_t highest);
/// @throws UsageError when the input is a flat vector
void require_image(const LayerContext& context);

/// A kernel that weight decay applies to. @param receptive_field  pixels that share its last two extents
Parameter kernel_parameter(Extents extents, Initializer initializer, std::int64_t receptive_field);
/// A vector of (count): a bias, or a value per channel.
Parameter vector_parameter(const char* name, std::int64_t count, Initializer initializer,
                           bool trainable = true);

/// A window that slides over the image, in pixels.
struct SlidingWindow {
  Size2 span;  ///< dilation included
  Size2 stride;
};
/// @throws UsageError when the input is no image, or size or stride are out of range
void require_window(const LayerContext& context, const Size2& size, const Size2& stride);
/// Height and width of what a window puts out; notes what it leaves over in the layer.
/// @param padding  with PaddingMode::same an output, else an input
/// @throws UsageError when the padding is out of range, the window larger than its input, or the size does
/// not come out whole where EdgeRule::refuse wants that
Size2 slide(const LayerContext& context, const SlidingWindow& window, PaddingMode mode, Padding& padding);

/// Fixes a kernel to what the configuration gives: all values in the kernel's order, or, where a filter sees
/// one channel only, one filter for all of them, (height, width), or a list of them, (filters, height,
/// width).
/// @param order  the kernel's axes in words, for the message
/// @throws UsageError when the lists have another form
void fix_weights(const LayerContext& context, const FixedWeights& weights, const char* order,
                 Parameter& kernel);

/// Of an activation on so many values.
std::int64_t activation_flops(Activation activation, std::int64_t values);
/// Of conv2d and dense: products with the kernel, which is the first parameter, bias and activation.
Cost weighted_cost(const LayerNode& layer, bool bias);

}  // namespace annulus::trainer
