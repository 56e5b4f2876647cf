// Ranges of numbers.
#include "trainer/model/layers/fields.hpp"

#include <fmt/format.h>

namespace annulus::trainer {

bool Limits::contains(double value) const {
  const bool above = ends == Ends::low_open ? value > low : value >= low;
  const bool below = ends == Ends::high_open ? value < high : value <= high;
  return above && below;  // false for NaN
}

std::string Limits::text() const {
  if (high == std::numeric_limits<double>::infinity()) {
    return ends == Ends::low_open ? fmt::format("be above {}", low) : fmt::format("be at least {}", low);
  }
  return fmt::format("lie in {}{}, {}{}", ends == Ends::low_open ? '(' : '[', low, high,
                     ends == Ends::high_open ? ')' : ']');
}

}  // namespace annulus::trainer
