// See process_time.hpp. The start is field 22 of /proc/self/stat, in ticks since boot (man 5 proc).
#include "base/process_time.hpp"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "base/error.hpp"

namespace annulus {
namespace {

/// Fields before the one of the start, counted after the program's name, which may hold spaces.
constexpr int kFieldsBetween = 19;

double start_after_boot_s() {
  std::ifstream file("/proc/self/stat");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = all.rfind(')');
  std::istringstream fields(name_end == std::string::npos ? "" : all.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBetween; ++i) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks))
    throw RuntimeError("/proc/self/stat does not say when this process began. Is /proc mounted?");
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
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
