// Where the values lie that a rank adds up: its own nodes in their buffers, those of the other ranks in
// memory where they arrive. Private to comm.
#pragma once

#include <cstddef>

#include "comm/host/tree_plan.hpp"

namespace annulus::comm {

/// Places for the parts of the other ranks' nodes, one behind the other in the order of the plan, without a
/// gap where this rank's own would be.
class TreeStaging {
 public:
  /// @param part_elements  of this rank's longest part of a run
  TreeStaging(const TreePlan& plan, int rank, std::size_t part_elements)
      : first_own_(plan.first_node(rank)),
        own_(plan.nodes_of(rank)),
        others_(plan.nodes.size() - own_),
        part_elements_(part_elements) {}

  /// That all places take.
  std::size_t elements() const { return others_ * part_elements_; }

  bool is_own(std::size_t node) const { return node >= first_own_ && node - first_own_ < own_; }

  /// @param memory  elements() of them
  /// @pre the node is not this rank's own
  float* place(float* memory, std::size_t node) const {
    return memory + (node < first_own_ ? node : node - own_) * part_elements_;
  }

 private:
  std::size_t first_own_;
  std::size_t own_;
  std::size_t others_;
  std::size_t part_elements_;
};

}  // namespace annulus::comm
