// Faults made on purpose, so that a site can see what becomes of them: `annulus train ... --inject`,
// jobs/drill.sh.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/enum_words.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "trainer/loop/recorder.hpp"
#include "trainer/loop/step_hook.hpp"

namespace annulus::trainer {

enum class FaultKind {
  kill,                ///< SIGKILL, as by the kernel when memory runs out
  stop,                ///< SIGSTOP: the process is there and does nothing
  hang,                ///< its main thread never comes back
  segfault,            ///< SIGSEGV, as after a write to memory that is not there
  exception,           ///< an error that nobody expects
  nan,                 ///< a value of a sample that is not a number, in this very step
  slow,                ///< 400 ms more in every step
  full_disk,           ///< no file can grow any more
  corrupt_checkpoint,  ///< a flipped byte in the newest checkpoint, then SIGKILL
  truncated_data,      ///< the last third of the dataset is missing (a copy of it); at the start of the run
  lost_peer_during_save,  ///< SIGKILL when the next checkpoint is due, at the latest at the end
};

struct Fault {
  FaultKind kind = FaultKind::kill;
  int rank = 0;
  std::uint64_t step = 1;  ///< once this step is done
};

/// @param text  "rank=1,step=120,kind=kill"; rank and step may be missing (0 and 1)
/// @throws UsageError naming the key, for a rank outside the world too
Fault parse_fault(const std::string& text, int ranks);

/// A recorder that does as the given one, and makes the fault on its rank when its time has come. Faults of
/// kind nan and truncated_data are made elsewhere. @param run_directory  where the checkpoints are
std::unique_ptr<Recorder> with_fault(std::unique_ptr<Recorder> recorder, const Fault& fault,
                                     const std::string& run_directory);

/// Makes the fault of kind nan on its rank, once; null for the other kinds.
std::unique_ptr<StepHook> make_step_hook(const Fault& fault);

/// Makes `copy`, which lacks the last third of `path`. @throws DataError
void copy_truncated(const std::string& path, const std::string& copy);

/// Says on the terminal, with the time, that the fault is made now.
void announce_fault(const Fault& fault);

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::FaultKind> {
  static constexpr std::array kWords{"kill",
                                     "stop",
                                     "hang",
                                     "segfault",
                                     "exception",
                                     "nan",
                                     "slow",
                                     "full-disk",
                                     "corrupt-checkpoint",
                                     "truncated-data",
                                     "lost-peer-during-save"};
};
