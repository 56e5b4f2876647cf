// Memory that all ranks of one host see: a resident dataset is kept once per node. `comm` provides the shared
// one, this file the plain one; `io` only knows the interface.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace annulus {

class NodeMemory {
 public:
  virtual ~NodeMemory() = default;
  /// The whole block, the same bytes on every rank of the host.
  virtual std::span<std::byte> bytes() = 0;
  /// This rank among the ranks that share the block: it fills part `part()` of `parts()`.
  virtual int part() const = 0;
  virtual int parts() const = 0;
  /// Returns when all ranks of the host have called it; what they wrote before is then visible. Collective.
  virtual void synchronise() = 0;
};

/// Collective over the ranks of a host: every one asks for the same size.
using NodeMemoryFactory = std::function<std::unique_ptr<NodeMemory>(std::size_t bytes)>;

/// Memory of this process alone.
std::unique_ptr<NodeMemory> make_private_memory(std::size_t bytes);

}  // namespace annulus
