// Two orders: Keras' (state_hash: the same for every backend and layout, kept in checkpoints) and that of the
// arenas (raw_state_hash: no conversion, only to compare replicas of one job with each other).
#include "trainer/loop/state_hash.hpp"

#include <xxhash.h>

#include "base/error.hpp"

namespace annulus::trainer {

struct StateHasher::Digest {
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state{XXH3_createState(), XXH3_freeState};
  void add(const void* bytes, std::size_t count) const {
    if (count == 0) return;  // older versions of xxhash take no null pointer
    expect_contract(XXH3_64bits_update(state.get(), bytes, count) == XXH_OK, "xxhash takes any bytes");
  }
};

StateHasher::StateHasher() : digest_(std::make_unique<Digest>()) {
  expect_contract(digest_->state != nullptr && XXH3_64bits_reset(digest_->state.get()) == XXH_OK,
                  "xxhash gives a state to hash with");
}
StateHasher::~StateHasher() = default;

void StateHasher::add(std::span<const float> values) { digest_->add(values.data(), values.size_bytes()); }
void StateHasher::add(std::uint64_t number) { digest_->add(&number, sizeof number); }
std::uint64_t StateHasher::value() const { return XXH3_64bits_digest(digest_->state.get()); }

std::uint64_t state_hash(const Replica& replica, const StateView& state) {
  StateHasher hasher;
  for (const StateTensor& tensor : state_tensors(replica, state))
    hasher.add(read_tensor(replica, tensor, state));
  hasher.add(state.updates);
  return hasher.value();
}

std::uint64_t state_hash(Replica& replica, Optimizer& optimizer) {
  return state_hash(replica, view_of(replica, optimizer));
}

std::uint64_t raw_state_hash(Replica& replica, Optimizer& optimizer) {
  const StateView state = view_of(replica, optimizer);
  StateHasher hasher;
  for (const StateView::Arena& arena : state.arenas) hasher.add(arena.values);
  hasher.add(state.updates);
  return hasher.value();
}

StateHashes hash_tensors(const Replica& replica, const StateView& state) {
  StateHashes hashes;
  StateHasher whole;
  for (const StateTensor& tensor : state_tensors(replica, state)) {
    const std::vector<float> values = read_tensor(replica, tensor, state);
    whole.add(values);
    StateHasher own;
    own.add(values);
    hashes.tensors.push_back({tensor.path, own.value()});
  }
  whole.add(state.updates);
  hashes.state = whole.value();
  return hashes;
}

}  // namespace annulus::trainer
