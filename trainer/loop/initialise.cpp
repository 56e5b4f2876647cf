// Draws in double and rounds once, so the values do not depend on the compiler's float arithmetic.
#include "trainer/loop/initialise.hpp"

#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/random.hpp"

namespace annulus::trainer {
namespace {

/// Random words of one parameter by element.
class Words {
 public:
  Words(std::uint64_t seed, int layer, int parameter)
      : key_(stream_key(seed, Purpose::initialise)),
        layer_(static_cast<std::uint32_t>(layer)),
        parameter_(static_cast<std::uint32_t>(parameter)) {}

  /// Uniform in (0, 1), never either end: the logarithm of it is finite.
  double uniform(std::uint64_t element, std::uint32_t attempt = 0) const {
    const std::uint64_t block = element / 4;
    const std::uint32_t high = static_cast<std::uint32_t>(block >> 32) + (attempt << 16);
    const auto words = philox(key_, {static_cast<std::uint32_t>(block), high, layer_, parameter_});
    return (words[element % 4] + 0.5) * 0x1p-32;
  }

  /// Standard normal (Box & Muller 1958): elements 2 i and 2 i + 1 share their two words.
  double normal(std::uint64_t element, std::uint32_t attempt = 0) const {
    const std::uint64_t even = element / 2 * 2;
    const double radius = std::sqrt(-2.0 * std::log(uniform(even, attempt)));
    const double angle = 2.0 * std::numbers::pi * uniform(even + 1, attempt);
    return radius * (element == even ? std::cos(angle) : std::sin(angle));
  }

  /// Standard normal within two deviations.
  double truncated_normal(std::uint64_t element) const {
    constexpr std::uint32_t kAttempts = 64;  // one in 22 fails, so all do with a probability of 1e-86
    for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt)
      if (const double value = normal(element, attempt); std::abs(value) <= 2) return value;
    return 0;
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t layer_;
  std::uint32_t parameter_;
};

std::vector<float> uniform_values(const Words& words, std::size_t count, double limit) {
  std::vector<float> values(count);
  for (std::size_t e = 0; e < count; ++e)
    values[e] = static_cast<float>(limit * (2.0 * words.uniform(e) - 1.0));
  return values;
}

std::vector<float> normal_values(const Words& words, std::size_t count, double deviation) {
  std::vector<float> values(count);
  for (std::size_t e = 0; e < count; ++e) values[e] = static_cast<float>(deviation * words.normal(e));
  return values;
}

/// Deviation of a standard normal of which only [-2, 2] is kept.
constexpr double kTruncatedDeviation = 0.87962566103423978;

std::vector<float> truncated_values(const Words& words, std::size_t count, double deviation) {
  std::vector<float> values(count);
  for (std::size_t e = 0; e < count; ++e)
    values[e] = static_cast<float>(deviation / kTruncatedDeviation * words.truncated_normal(e));
  return values;
}

}  // namespace

std::vector<float> initial_values(const Network& network, int layer, int parameter, std::uint64_t seed) {
  const Parameter& wanted = network.layers.at(layer).parameters.at(parameter);
  if (!wanted.fixed.empty()) return wanted.fixed;
  const auto count = static_cast<std::size_t>(element_count(wanted.extents));
  const auto fan_in = static_cast<double>(wanted.fan_in);
  const auto fan_out = static_cast<double>(wanted.fan_out);
  const Words words(seed, layer, parameter);
  switch (wanted.initializer) {
    case Initializer::zeros:
      return std::vector<float>(count, 0.0f);
    case Initializer::ones:
      return std::vector<float>(count, 1.0f);
    case Initializer::glorot_uniform:
      return uniform_values(words, count, std::sqrt(6.0 / (fan_in + fan_out)));
    case Initializer::he_uniform:
      return uniform_values(words, count, std::sqrt(6.0 / fan_in));
    case Initializer::he_normal:
      return truncated_values(words, count, std::sqrt(2.0 / fan_in));
    case Initializer::kaiming_normal:
      return normal_values(words, count, std::sqrt(2.0 / fan_in));
  }
  throw RuntimeError("layer {}, parameter {}: initializer number {} does not exist.",
                     network.layers[layer].name, wanted.name, static_cast<int>(wanted.initializer));
}

void require_fixed_weights(Replica& replica, const std::string& source) {
  for (const Segment& segment : replica.layout().trainable) {
    const Layer& layer = replica.network().layers.at(segment.layer);
    const Parameter& parameter = layer.parameters.at(segment.parameter);
    if (parameter.fixed.empty() || replica.read(segment, replica.parameters()) == parameter.fixed) continue;
    throw UsageError(
        "{}: holds other values of {} of layer {} than the configuration fixes by `weights`, so the two do not belong together. Use the configuration that the checkpoint was made with, or train again.",
        source, parameter.name, layer.name);
  }
}

void write_fixed_weights(Replica& replica) {
  for (const Segment& segment : replica.layout().trainable) {
    const Parameter& parameter = replica.network().layers.at(segment.layer).parameters.at(segment.parameter);
    if (!parameter.fixed.empty()) replica.write(segment, parameter.fixed, replica.parameters());
  }
}

void initialise(Replica& replica, std::uint64_t seed) {
  const auto write = [&](const std::vector<Segment>& segments, std::span<float> arena) {
    for (const Segment& segment : segments)
      replica.write(segment, initial_values(replica.network(), segment.layer, segment.parameter, seed),
                    arena);
  };
  write(replica.layout().trainable, replica.parameters());
  write(replica.layout().statistics, replica.statistics());
}

}  // namespace annulus::trainer
