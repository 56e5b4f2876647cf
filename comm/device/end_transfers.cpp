// See end_transfers.hpp.
#include "comm/device/end_transfers.hpp"

#include <exception>
#include <utility>

#include "base/bounded.hpp"

namespace annulus::comm {

bool end_transfers(std::function<void()> end, const std::function<void()>& give_up_graphs,
                   double seconds) noexcept {
  constexpr double kMoment = 0.1;  // for the thread to start and to tell the kernels
  try {
    const BoundedWork ending(std::move(end));
    if (ending.ended_within(kMoment)) return true;
    if (give_up_graphs) give_up_graphs();
    return ending.ended_within(seconds);
  } catch (const std::exception&) {  // no memory for a thread: then the process ends soon anyway
    return false;
  }
}

}  // namespace annulus::comm
