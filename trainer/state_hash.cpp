// See state_hash.hpp. Floats are hashed as their bytes: 0 and -0 differ, as they should for bit-exactness.
#include "trainer/state_hash.hpp"

#include <xxhash.h>

#include <memory>
#include <span>

#include "base/error.hpp"
#include "trainer/tensor_list.hpp"

namespace annulus::trainer {
namespace {

class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), XXH3_freeState) {
    expect_contract(state_ != nullptr && XXH3_64bits_reset(state_.get()) == XXH_OK,
                    "xxhash gives a state to hash with");
  }
  template <class T>
  void add(std::span<const T> values) {
    if (values.empty()) return;  // older versions of xxhash take no null pointer
    expect_contract(XXH3_64bits_update(state_.get(), values.data(), values.size_bytes()) == XXH_OK,
                    "xxhash takes any bytes");
  }
  std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

void add_steps(Hasher& hasher, const Optimizer& optimizer) {
  const std::uint64_t steps = optimizer.steps();
  hasher.add(std::span<const std::uint64_t>(&steps, 1));
}

}  // namespace

std::uint64_t state_hash(Replica& replica, Optimizer& optimizer) {
  Hasher hasher;
  const auto tensors = list_tensors(replica.network(), replica.layout());
  const auto add = [&](const TensorPlace& place, std::span<const float> arena) {
    hasher.add(std::span<const float>(read_tensor(replica, place, arena)));
  };
  for (const TensorPlace& place : tensors) add(place, arena_of(replica, place));
  for (const StateArena& state : optimizer.states()) {
    for (const TensorPlace& place : tensors)
      if (place.arena == TensorPlace::Arena::parameters) add(place, state.values);
  }
  add_steps(hasher, optimizer);
  return hasher.value();
}

std::uint64_t raw_state_hash(Replica& replica, Optimizer& optimizer) {
  Hasher hasher;
  hasher.add(std::span<const float>(replica.parameters()));
  hasher.add(std::span<const float>(replica.statistics()));
  for (const StateArena& state : optimizer.states()) hasher.add(std::span<const float>(state.values));
  add_steps(hasher, optimizer);
  return hasher.value();
}

}  // namespace annulus::trainer
