// How exactly the cuda backend computes; plain, so that the configuration can name it without CUDA.
#pragma once

#include "base/enum_words.hpp"

namespace annulus::trainer {

/// Master weights, sums of gradients over shards, batch statistics and the loss are float32 in all of them;
/// in bfloat16 cuDNN rounds a shard's gradients of convolution kernels to that before they are summed.
enum class Precision {
  float32,  ///< float32 throughout, no tensor cores
  tf32,  ///< float32 in memory; products of convolutions and dense layers are rounded to 10 bits of mantissa
  bfloat16  ///< activations and their gradients in bfloat16, products summed in float32
};

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::Precision> {
  static constexpr std::array kWords{"float32", "tf32", "bfloat16"};
};
