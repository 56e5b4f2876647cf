// How exactly the cuda backend computes; plain, so that the configuration can name it without CUDA.
#pragma once

#include "base/enum_words.hpp"

namespace annulus::trainer {

/// Master weights, weight gradients handed to the reduction, batch statistics and the loss are float32 in all
/// of them.
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
