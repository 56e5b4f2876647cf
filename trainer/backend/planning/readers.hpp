// Who reads what in a network, and which layers run inside the step of an earlier one.
#pragma once

#include <vector>

#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// A layer and its place in the network.
struct LayerRef {
  int index = 0;
  const Layer& layer;
};

/// Values are numbered as in Layer::inputs: layers from 0, the image -1, vectors below. The network outlives
/// it.
class Readers {
 public:
  explicit Readers(const Network& network);

  const Network& network() const { return network_; }
  int layers() const { return static_cast<int>(network_.layers.size()); }
  LayerRef ref(int index) const { return {index, network_.layers[static_cast<std::size_t>(index)]}; }

  /// Place of a value in a list of all values; there are slots() of them.
  std::size_t slot(int index) const;
  std::size_t slots() const { return readers_.size(); }

  /// The layers that read a value, each as often as it does.
  const std::vector<int>& of(int index) const { return readers_[slot(index)]; }
  /// The only reader of a value, or -1.
  int only(int index) const { return of(index).size() == 1 ? of(index).front() : -1; }

  /// The step of an earlier layer does this one's work.
  void absorb(int layer) { absorbed_[static_cast<std::size_t>(layer)] = true; }
  bool absorbed(int layer) const { return absorbed_[static_cast<std::size_t>(layer)]; }

  /// Softmax at the end of a network is computed with the loss. @pre the model refuses it anywhere else
  void expect_last(const LayerRef& ref) const;

 private:
  const Network& network_;
  std::vector<std::vector<int>> readers_;  // by slot
  std::vector<bool> absorbed_;             // by layer
};

}  // namespace annulus::trainer
