// See server_limits.hpp.
#include "io/hdf5/server_limits.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

void set_limit(__rlimit_resource resource, std::uint64_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, value);
  setrlimit(resource, &limit);  // a limit that cannot be set is one that is lower already
}

}  // namespace

void limit_this_process() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take terabytes of addresses
  set_limit(RLIMIT_AS, kReaderMemory);
#endif
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, 0);
}

void close_inherited(int above) {
#ifdef SYS_close_range
  static_cast<void>(
      ::syscall(SYS_close_range, above + 1, ~0U, 0));  // older kernels: such files close with us
#endif
}

}  // namespace annulus::io
