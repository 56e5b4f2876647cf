// Every tensor of a model in the order of its network, whatever the order of the backend's arenas: what
// hashes and checkpoints walk over.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "trainer/backend/contract/replica.hpp"

namespace annulus::trainer {

/// One tensor and where it lies.
struct TensorPlace {
  enum class Arena { parameters, statistics };
  std::string layer;  ///< name of the layer
  std::string name;   ///< kernel, bias, gamma, ...
  Extents extents;    ///< in Keras' order
  Segment segment;    ///< in the arena
  Arena arena = Arena::parameters;
};

/// All tensors of a model, layers in network order, parameters in the layer's order.
/// @throws std::logic_error when the layout does not hold each of them exactly once
std::vector<TensorPlace> list_tensors(const Network& network, const ArenaLayout& layout);

/// Values of a tensor in Keras' order. @param arena  laid out as the arena that `place` names
std::vector<float> read_tensor(const Replica& replica, const TensorPlace& place,
                               std::span<const float> arena);
/// The way back. @param values  element_count(place.extents) of them
void write_tensor(const Replica& replica, const TensorPlace& place, std::span<const float> values,
                  std::span<float> arena);

/// The arena of the replica's own values in which a tensor lies.
std::span<float> arena_of(Replica& replica, const TensorPlace& place);

}  // namespace annulus::trainer
