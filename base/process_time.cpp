// See process_time.hpp.
#include "base/process_time.hpp"

#include <time.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/process_identity.hpp"

namespace annulus {
namespace {

double start_after_boot_s() {
  const std::uint64_t ticks = own_identity(host_name()).started;
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

double seconds_since_process_start() {
  timespec now{};
  if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
    throw RuntimeError(
        "the clock of the time since boot cannot be read, so nothing can be timed from the start.");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - start_after_boot_s();
}

}  // namespace annulus
