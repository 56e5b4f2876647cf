// The whole state of a run as numbers: where they lie, in the arenas of a replica and its optimizer or in a
// copy of them, and the tensors they are made of. What checkpoints, hashes and the ledger walk over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/tensor_list.hpp"

namespace annulus::trainer {

/// Does not own the numbers.
struct StateView {
  struct Arena {
    std::string name;  ///< "parameters", "statistics", or the name of an optimizer state
    std::span<const float> values;
  };
  std::vector<Arena> arenas;  ///< parameters, statistics, then the optimizer's, laid out as the parameters
  std::uint64_t updates = 0;  ///< the optimizer's steps
};

StateView view_of(Replica& replica, Optimizer& optimizer);

/// A tensor of the state.
struct StateTensor {
  std::string path;  ///< "parameters/conv/kernel", "optimizer/m/conv/kernel"
  TensorPlace place;
  std::size_t arena = 0;  ///< index into StateView::arenas
};

/// All of them: the model's in the order of the network, then those of each optimizer state.
std::vector<StateTensor> state_tensors(const Replica& replica, const StateView& state);

/// Names of an optimizer's states in the order in which a state has them. @param names  in any order
/// @return nothing when no optimizer has just these
std::optional<std::vector<std::string>> states_in_order(std::vector<std::string> names);

/// Values in Keras' order. Reads nothing but the layout of the replica and the arena, so it may run beside
/// training when the arenas are a copy.
std::vector<float> read_tensor(const Replica& replica, const StateTensor& tensor, const StateView& state);

/// The way back, into the replica's and the optimizer's own arenas.
void write_tensor(Replica& replica, Optimizer& optimizer, const StateTensor& tensor,
                  std::span<const float> values);

}  // namespace annulus::trainer
