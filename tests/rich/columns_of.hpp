// Events as columns.
#pragma once

#include <vector>

#include "rich/events/event_columns.hpp"

namespace annulus::rich {

inline EventColumns columns_of(const std::vector<Event>& events) {
  EventColumns columns;
  for (const Event& event : events) columns.append(event);
  return columns;
}

}  // namespace annulus::rich
