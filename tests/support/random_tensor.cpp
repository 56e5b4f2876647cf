// Drawn from the run's own generator under a purpose of its own.
#include "tests/support/random_tensor.hpp"

#include "base/random.hpp"

namespace annulus::test {

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  RandomStream stream(seed, Purpose::test, 0, 0);
  std::vector<float> values(count);
  for (float& value : values) value = stream.uniform(-1.0f, 1.0f);
  return values;
}

std::vector<std::int32_t> random_labels(std::size_t count, std::int64_t classes, std::uint64_t seed) {
  RandomStream stream(seed, Purpose::test, 1, 0);
  std::vector<std::int32_t> labels(count);
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(stream.next() % classes);
  return labels;
}

}  // namespace annulus::test
