// NCCL played on the host, as its source (2.28.9) has it where that matters: an abort tells kernels to end,
// then waits until no graph holds a transfer; a rank alone captures nothing for an allreduce in place, but
// does for a message to itself.
#pragma once

#include <atomic>
#include <string>

namespace annulus::test {

/// While one lives the other ranks do not come: transfers with them never end unless they are aborted. Before
/// that they come with zeros.
class PretendLostPeers {
 public:
  PretendLostPeers();
  ~PretendLostPeers();
  PretendLostPeers(const PretendLostPeers&) = delete;
  PretendLostPeers& operator=(const PretendLostPeers&) = delete;
};

/// While one lives, communicators are not made: CUDA fails, and this is NCCL's last word.
class PretendFailedStart {
 public:
  explicit PretendFailedStart(const std::string& last_word);
  ~PretendFailedStart();
  PretendFailedStart(const PretendFailedStart&) = delete;
  PretendFailedStart& operator=(const PretendFailedStart&) = delete;
};

struct NcclLog {
  std::atomic<int> aborts_begun = 0;
  std::atomic<int> aborts_over = 0;   ///< with no graph left that holds a transfer
  std::atomic<int> aborts_stuck = 0;  ///< a real one would still wait for a graph
  std::atomic<int> ended = 0;         ///< in order
};
NcclLog& nccl_log();

}  // namespace annulus::test
