// Work that may hang, done where a hang does no harm.
#pragma once

#include <functional>
#include <memory>

namespace annulus {

/// Runs `work` on a thread of its own. What does not end in time is left behind, so `work` owns all that it
/// touches. Destroying this waits for nothing.
class BoundedWork {
 public:
  explicit BoundedWork(std::function<void()> work);
  /// Waits, but not for longer than this.
  /// @return whether the work has ended; never so when it threw or no thread was to be had: the caller then
  /// goes on without it
  bool ended_within(double seconds) const;

 private:
  struct Progress;
  std::shared_ptr<Progress> progress_;
};

/// Runs `work` so and waits for it, but not for longer than this: a dead file system can hold any write for
/// ever.
/// @return whether it ended in time
bool within(double seconds, std::function<void()> work);

}  // namespace annulus
