// Which files this process waits for right now: the first question about a rank that hangs.
#pragma once

#include <string>
#include <vector>

namespace annulus {

/// "read of /data/x.h5" for every thread of this process, and of the processes it has started, that was
/// within the same call about the same file when looked at twice, so many seconds apart; each text once.
/// Looks at /proc alone, so that no dead file system can hold it. Empty where /proc does not tell.
std::vector<std::string> blocked_file_calls(double seconds);

}  // namespace annulus
