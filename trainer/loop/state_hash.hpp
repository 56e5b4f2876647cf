// One number for the whole state of a run: equal numbers mean that training will go on with the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trainer/loop/state_view.hpp"

namespace annulus::trainer {

/// XXH3 (64 bit) over numbers as their bytes: 0 and -0 differ, as they should for bit-exactness.
class StateHasher {
 public:
  StateHasher();
  ~StateHasher();
  StateHasher(const StateHasher&) = delete;
  StateHasher& operator=(const StateHasher&) = delete;

  void add(std::span<const float> values);
  /// The optimizer's steps; they come last in a state's hash.
  void add(std::uint64_t number);
  std::uint64_t value() const;

 private:
  struct Digest;
  std::unique_ptr<Digest> digest_;
};

/// Hash over parameters, moving averages, optimizer states and the optimizer's step count, tensors in Keras'
/// order: does not depend on the layout of the backend, so it compares runs on different machines.
std::uint64_t state_hash(const Replica& replica, const StateView& state);
std::uint64_t state_hash(Replica& replica, Optimizer& optimizer);

/// The same over the arenas as they lie in memory: fast enough for every step, comparable only between
/// replicas of one backend compiled alike.
std::uint64_t raw_state_hash(Replica& replica, Optimizer& optimizer);

/// The state hash and beside it one of every tensor, which tell where two states differ.
struct StateHashes {
  struct Tensor {
    std::string path;  ///< of StateTensor
    std::uint64_t hash = 0;
  };
  std::uint64_t state = 0;
  std::vector<Tensor> tensors;
};
StateHashes hash_tensors(const Replica& replica, const StateView& state);

}  // namespace annulus::trainer
