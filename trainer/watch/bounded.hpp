// Questions to a lock service, which may hang.
#pragma once

#include <functional>

#include "base/bounded.hpp"

namespace annulus::trainer {

/// Asks the lock service of a file system on a thread of its own.
/// @param question  owns all that it touches
/// @return its answer; false where the service has none within two seconds, as where it says no
bool lock_service_agrees(std::function<bool()> question);

}  // namespace annulus::trainer
