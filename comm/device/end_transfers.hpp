// How transfers end although another rank is gone and graphs hold some of them. Private to comm.
#pragma once

#include <functional>

namespace annulus::comm {

/// Patience with a library that ends its transfers.
constexpr double kSecondsForEnd = 5;

/// Runs `end`, the call of a library that ends all transfers: it tells kernels to end, then may wait for ever
/// for graphs that hold a transfer. It gets a thread of its own, so that whatever it does costs the caller no
/// more than `seconds`, and owns all that it touches.
///
/// Graphs are given up after `end` has begun, not before: as long as nobody has told its kernels to end, a
/// running graph waits for a rank that is gone, and destroying it might wait for its kernels.
/// @param give_up_graphs  destroys them; called from this thread, if `end` is not over at once; may be empty
/// @return whether `end` is over. If not it goes on, and ends when the last graph does: a capture that is
/// under way, say, which unwinding takes back.
bool end_transfers(std::function<void()> end, const std::function<void()>& give_up_graphs,
                   double seconds = kSecondsForEnd) noexcept;

}  // namespace annulus::comm
