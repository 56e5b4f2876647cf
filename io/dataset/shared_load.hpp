// Filling memory that the ranks of a host share, every rank its part. Internal to io/dataset.
#pragma once

#include <cstddef>
#include <functional>

#include "base/node_memory.hpp"

namespace annulus::io {

/// What the ranks tell each other about their parts, at the beginning of the shared memory: when one cannot
/// read, all of them throw, and none waits for a rank that is gone.
class SharedLoad {
 public:
  static constexpr int kMostParts = 256;
  static constexpr std::size_t kReportBytes = 1024;
  /// That it takes at the beginning of the memory; aligned for floats.
  static constexpr std::size_t kBytes = kMostParts * kReportBytes;

  explicit SharedLoad(NodeMemory& memory) : memory_(memory) {}

  /// Calls fill(part, parts) and waits for the others. Collective. @throws what any of them met, as a
  /// DataError
  void run(const std::function<void(int part, int parts)>& fill);

 private:
  NodeMemory& memory_;
};

}  // namespace annulus::io
