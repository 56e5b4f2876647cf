// See clock.hpp.
#include "base/clock.hpp"

#include <time.h>

#include <chrono>

namespace annulus {

double steady_seconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail for a clock that every Linux has
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace annulus
