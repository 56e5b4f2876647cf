// Rank 0's state, made everybody's by a broadcast of each part.
#include "trainer/loop/shared_state.hpp"

#include <algorithm>
#include <type_traits>

#include "trainer/loop/control_word.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/state_hash.hpp"

namespace annulus::trainer {

/// Everything that the next step depends on must be here: what is forgotten may differ between ranks. The
/// hash in the end finds a rank whose copy is another, not a quantity that nobody sends.
void share_state(comm::ProcessGroup& group, const StateParts& parts) {
  static_assert(std::is_trivially_copyable_v<RunState>);
  group.broadcast(std::as_writable_bytes(parts.replica.parameters()), 0, "initial parameters");
  group.broadcast(std::as_writable_bytes(parts.replica.statistics()), 0, "initial moving averages");
  for (const StateArena& arena : parts.optimizer.states())
    group.broadcast(std::as_writable_bytes(arena.values), 0, "initial " + arena.name);
  std::uint64_t updates = parts.optimizer.steps();
  group.broadcast(std::as_writable_bytes(std::span(&updates, 1)), 0, "update count");
  parts.optimizer.set_steps(updates);
  parts.engine.upload();
  group.broadcast(std::as_writable_bytes(std::span(&parts.state, 1)), 0, "run state");
  agree(group, {.step = parts.state.step, .hash = raw_state_hash(parts.replica, parts.optimizer)});
}

void start_afresh(const StateParts& parts, std::uint64_t seed) {
  parts.state = {};
  initialise(parts.replica, seed);
  for (const StateArena& arena : parts.optimizer.states())
    std::fill(arena.values.begin(), arena.values.end(), 0.0f);
  parts.optimizer.set_steps(0);
}

}  // namespace annulus::trainer
