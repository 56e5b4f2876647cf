// The bounded wait that every group shares.
#include "comm/ranks/process_group.hpp"

#include <thread>

#include "base/vital_signs.hpp"
#include "comm/ranks/call_guard.hpp"

namespace annulus::comm {

void ProcessGroup::wait(Transfer& transfer, std::string_view purpose) {
  // A peer that is nearly there answers within microseconds; after that give the core to whoever has work,
  // perhaps the very rank that is waited for.
  constexpr int kSpins = 200;
  for (int spin = 0; spin < kSpins; ++spin)
    if (transfer.test()) return;
  const WaitingFor waiting(purpose);
  const auto start = std::chrono::steady_clock::now();
  while (!transfer.test()) {
    std::this_thread::yield();
    if (std::chrono::steady_clock::now() - start >= limit_) throw late_peers(*this, purpose);
  }
}

PeerError late_peers(const ProcessGroup& group, std::string_view purpose) {
  return PeerError(
      "rank {} of {} waited {} s for the other ranks at '{}'. One of them has failed, hangs or is far behind, and this rank cannot go on without it. Look for an error above this one, and whether each of the processes still runs on its host and is not stopped. If the work of one may take so long, start again with {}={} (0: no limit).",
      group.rank(), group.size(), group.limit().count(), purpose, kMpiSecondsVariable,
      2 * group.limit().count());
}

}  // namespace annulus::comm
