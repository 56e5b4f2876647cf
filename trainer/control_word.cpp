// One small all-gather and a comparison.
#include "trainer/control_word.hpp"

#include <span>
#include <vector>

#include "base/error.hpp"

namespace annulus::trainer {

ControlWord agree(comm::ProcessGroup& group, const ControlWord& mine) {
  std::vector<ControlWord> all(group.size());
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "control word");
  ControlWord agreed = mine;
  for (int rank = 0; rank < group.size(); ++rank) {
    const ControlWord& theirs = all[rank];
    if (theirs.step != all[0].step)
      throw RuntimeError(
          "rank {} is at step {} but rank 0 at step {}: the ranks no longer run in step. This is a "
          "fault of the program; please report it with the run directory.",
          rank, theirs.step, all[0].step);
    if (theirs.hash != all[0].hash)
      throw RuntimeError(
          "after step {} the state of rank {} (hash {:016x}) differs from rank 0's ({:016x}). Replicas "
          "must be equal bit for bit: check for mixed processor types or library versions among the "
          "hosts, then for faulty memory.",
          theirs.step, rank, theirs.hash, all[0].hash);
    agreed.stop |= theirs.stop;
  }
  return agreed;
}

}  // namespace annulus::trainer
