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

}  // namespace annulus
