// A value that is NaN or Inf, where it was met first, in a form that ranks can exchange.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace annulus::trainer {

/// In the order in which a step meets them.
enum class BadPlace : std::int32_t {
  image,        ///< a pixel, before any layer saw it
  vector,       ///< an input beside the image
  output,       ///< of a layer, forward
  loss,         ///< of the shard, though the outputs are finite
  statistics,   ///< of a normalisation over the shard
  passed_back,  ///< by a layer to the one before it
  gradient,     ///< of a parameter
};

/// Plain bytes.
struct BadValue {
  static constexpr int kNamedSamples = 4;

  BadPlace place = BadPlace::image;
  std::int32_t layer = -1;      ///< index into Network::layers, or into Network::vectors
  std::int32_t parameter = -1;  ///< for `gradient`: index into Layer::parameters
  float value = 0;              ///< NaN or Inf
  std::int32_t samples = 0;     ///< how many samples of the shard have such values; 0 = not known which
  std::array<std::uint64_t, kNamedSamples> numbers{};  ///< sample numbers of the first of them

  void add_sample(std::uint64_t number) {
    if (samples < kNamedSamples) numbers[static_cast<std::size_t>(samples)] = number;
    ++samples;
  }
};

/// What a replica with value checks throws.
class BadValueError : public RuntimeError {
 public:
  BadValueError(const BadValue& value, const std::string& message)
      : RuntimeError("{}", message), value_(value) {}
  const BadValue& value() const noexcept { return value_; }

 private:
  BadValue value_;
};

inline bool is_bad_float(float value) { return !std::isfinite(value); }

}  // namespace annulus::trainer
