// The thread of a rank that writes its heartbeat and reads those of the others. A dead file system may hang
// it; nothing waits for it.
#pragma once

#include <memory>

#include "trainer/watch/watch_state.hpp"

namespace annulus::trainer {

class Herald {
 public:
  /// Begins at once; writes when the state has a run directory.
  explicit Herald(std::shared_ptr<WatchState> state);
  /// Writes the last heartbeat, if that takes no longer than two seconds.
  ~Herald();
  Herald(const Herald&) = delete;
  Herald& operator=(const Herald&) = delete;

  /// Writes a heartbeat soon, e.g. because the state has changed.
  void hurry();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace annulus::trainer
