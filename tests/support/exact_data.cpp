// Follows what values each layer can put out, and gives the next one as many taps as 8 bits allow.
#include "tests/support/exact_data.hpp"

#include <algorithm>
#include <cmath>

#include "tests/support/random_tensor.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::test {
namespace {

using trainer::Layer;
using trainer::Network;
using trainer::Operation;

/// What a value can be: a multiple of `unit`, up to `largest` on either side.
struct Range {
  double largest = 0.5;  // so that sigmoid and tanh behind a few sums are not saturated
  double unit = 0.25;
};

constexpr Range kInput;
constexpr double kMostUnits = 255;  // the largest number of bfloat16's 8 bits
constexpr double kMostTaps = 3;

/// Nothing is exact behind these, but their values are of this size.
constexpr Range kNormalised{.largest = 4, .unit = 1};
constexpr Range kSquashed{.largest = 1, .unit = 1};

int last_with_parameters(const Network& network) {
  int last = -1;
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    if (!network.layers[i].parameters.empty()) last = static_cast<int>(i);
  return last;
}

bool squashes(trainer::Activation activation) {
  return activation == trainer::Activation::sigmoid || activation == trainer::Activation::tanh;
}

class Weights {
 public:
  Weights(const Network& network, std::uint64_t seed)
      : network_(network), seed_(seed), values_(random_parameters(network, seed)) {
    for (auto& layer : values_)
      for (auto& tensor : layer) std::ranges::transform(tensor, tensor.begin(), rounded_to_bfloat16);
  }

  ParameterValues make() {
    const int last = last_with_parameters(network_);
    for (int i = 0; i < static_cast<int>(network_.layers.size()); ++i) ranges_.push_back(place(i, i == last));
    return std::move(values_);
  }

 private:
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }
  Range range(int index) const { return index < 0 ? kInput : ranges_[static_cast<std::size_t>(index)]; }

  /// Chooses the weights of a layer. @return what it can put out
  Range place(int index, bool last) {
    const Layer& described = layer(index);
    const Operation& operation = described.operation;
    Range values = range_of_inputs(described);
    if (std::holds_alternative<trainer::BatchNorm>(operation)) values = kNormalised;
    if (const auto* dropout = std::get_if<trainer::Dropout>(&operation))
      values.largest /= 1 - static_cast<double>(dropout->rate);
    const bool sums = std::holds_alternative<trainer::Conv2d>(operation) ||
                      std::holds_alternative<trainer::Dense>(operation);
    if (sums && last) scale(index, 4 / values.largest);  // few values come near the largest
    if (sums && !last) values = place_taps(index, values);
    const auto* activate = std::get_if<trainer::Activate>(&operation);
    return squashes(activate != nullptr ? activate->kind : described.activation) ? kSquashed : values;
  }

  Range range_of_inputs(const Layer& described) const {
    Range all = range(described.inputs.front());
    const bool adds = std::holds_alternative<trainer::Add>(described.operation);
    for (std::size_t i = 1; i < described.inputs.size(); ++i) {
      const Range next = range(described.inputs[i]);
      all.largest = adds ? all.largest + next.largest : std::max(all.largest, next.largest);
      all.unit = std::min(all.unit, next.unit);
    }
    return all;
  }

  void scale(int index, double factor) {
    for (float& value : values_[static_cast<std::size_t>(index)][0])
      value = rounded_to_bfloat16(value * static_cast<float>(factor));
  }

  /// Kernels lie with the filters fastest, (taps, filters). Biases are odd multiples of half a unit.
  Range place_taps(int index, const Range& input) {
    std::vector<float>& kernel = values_[static_cast<std::size_t>(index)][0];
    const trainer::Parameter& parameter = layer(index).parameters[0];
    const auto filters = static_cast<std::size_t>(parameter.extents.back());
    const std::size_t positions = kernel.size() / filters;
    const double unit = input.unit / 2;
    const auto taps = static_cast<std::size_t>(
        std::clamp(std::floor((kMostUnits - 3) * unit / input.largest), 1.0, kMostTaps));
    const std::vector<float> random = random_floats(static_cast<std::int64_t>(2 * taps * filters),
                                                    seed_ * 7919 + static_cast<std::uint64_t>(index));
    std::ranges::fill(kernel, 0.0f);
    for (std::size_t i = 0; i < taps * filters; ++i) {
      const auto position =
          static_cast<std::size_t>((random[2 * i] + 1) / 2 * static_cast<float>(positions)) % positions;
      kernel[position * filters + i % filters] += random[2 * i + 1] < 0 ? -1.0f : 1.0f;
    }
    if (layer(index).parameters.size() > 1)
      for (float& value : values_[static_cast<std::size_t>(index)][1])  // within 0.5 of zero as they come
        value = static_cast<float>(std::copysign(std::abs(value) < 0.25f ? unit : 3 * unit, value));
    return {.largest = static_cast<double>(taps) * input.largest + 3 * unit, .unit = unit};
  }

  const Network& network_;
  std::uint64_t seed_;
  ParameterValues values_;
  std::vector<Range> ranges_;  // of the layers so far
};

}  // namespace

float rounded_to_bfloat16(float value) {
  using namespace trainer::cuda;
  return to_float(from_float<BFloat16>(value));
}

ParameterValues exact_parameters(const Network& network, std::uint64_t seed) {
  return Weights(network, seed).make();
}

Samples exact_samples(const Network& network, std::int64_t n, std::uint64_t seed) {
  Samples samples = random_samples(network, n, seed);
  for (auto* const values : {&samples.images, &samples.vectors})
    for (float& value : *values) value = std::floor(value * 2.5f + 0.5f) / 4;
  return samples;
}

}  // namespace annulus::test
