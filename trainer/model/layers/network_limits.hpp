// Most layers and sizes that a network may have.
#pragma once

#include <cstdint>

namespace annulus::trainer {

/// Far above any real network, low enough that no product of them overflows 64 bits.
struct NetworkLimits {
  static constexpr int kLayers = 1000;
  static constexpr std::int64_t kImageSide = std::int64_t{1} << 15;
  static constexpr std::int64_t kChannels = std::int64_t{1} << 20;
  static constexpr std::int64_t kKernelSide = 1024;
  static constexpr std::int64_t kActivations = std::int64_t{1} << 34;  ///< values a layer puts out per sample
  static constexpr std::int64_t kParameters = std::int64_t{1} << 36;   ///< values of one layer
};

}  // namespace annulus::trainer
