// A system that lacks calls, as file systems without links or syncing do.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace annulus::test {

/// Which call fails, and how.
struct RefusedCall {
  int number = 0;  ///< SYS_symlink, ...
  int error = 0;   ///< EPERM, ...
};

/// Runs `work` in a process of its own, in which, as in all that it starts, these calls fail (by seccomp,
/// which needs no privileges). @return whether it ended with code 0; what it wrote to standard error is in
/// `said`
bool runs_without(const std::vector<RefusedCall>& calls, const std::function<bool()>& work,
                  std::string* said = nullptr);

}  // namespace annulus::test
