// Text forms and sizes of shapes.
#include "base/shape.hpp"

#include <fmt/format.h>

namespace annulus {

std::string to_string(const SampleShape& shape) {
  if (shape.flat) return fmt::format("{}", shape.channels);
  return fmt::format("{}, {}, {}", shape.height, shape.width, shape.channels);
}

std::int64_t element_count(const Extents& extents) {
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) count *= extent;
  return count;
}

std::int64_t total_length(const std::vector<NamedVector>& vectors) {
  std::int64_t length = 0;
  for (const NamedVector& vector : vectors) length += vector.length;
  return length;
}

}  // namespace annulus
