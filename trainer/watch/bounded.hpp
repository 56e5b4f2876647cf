// Work that may hang, done where a hang does no harm.
#pragma once

#include <functional>

namespace annulus::trainer {

/// Runs `work` on a thread of its own and waits for it, but not for longer than this: a dead file system can
/// hold any write for ever. What does not end in time is left behind, so `work` owns all that it touches.
/// @return whether it ended in time
bool within(double seconds, std::function<void()> work);

/// Asks the lock service of a file system, which may hang, in the same way.
/// @param question  owns all that it touches
/// @return its answer; false where the service has none within two seconds, as where it says no
bool lock_service_agrees(std::function<bool()> question);

}  // namespace annulus::trainer
