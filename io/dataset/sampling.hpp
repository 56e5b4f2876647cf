// How often samples are drawn in an epoch.
#pragma once

#include <array>

#include "base/enum_words.hpp"

namespace annulus::io {

enum class Sampling {
  uniform,   ///< every sample once
  balanced,  ///< every class as often as the others, or by given shares
  weighted,  ///< in proportion to the weights of the samples
};

}  // namespace annulus::io

template <>
struct annulus::EnumWords<annulus::io::Sampling> {
  static constexpr std::array kWords{"uniform", "balanced", "weighted"};
};
