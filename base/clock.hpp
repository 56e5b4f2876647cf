// The two clocks of the program, as seconds.
#pragma once

namespace annulus {

/// Seconds on a clock that never goes back; its zero means nothing. Safe in signal handlers.
double steady_seconds() noexcept;

/// Seconds since 1970, as the clock of this machine has them: for files that others read, not for durations.
double unix_seconds();

}  // namespace annulus
