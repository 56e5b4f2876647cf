// Runs the bodies of a step's kernels on the host: indices backwards, lanes one after another, their sums in
// the kernel's tree.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/backend/cuda/kernels/optimizer_body.hpp"

namespace annulus::trainer::cuda {

struct StepExecutor {
  template <class Body>
  void for_each(std::int64_t count, const Body& body) const {
    for (std::int64_t i = count; i-- > 0;) body(i);
  }
  template <class Body>
  void update_pieces(std::int64_t count, const Body& body) const {
    for (std::int64_t piece = count; piece-- > 0;)
      for (int lane = kPieceLanes; lane-- > 0;) body.lane(piece, lane);
  }
  template <class Body>
  void for_pieces(std::int64_t count, const Body& body) const {
    std::vector<double> sums(kPieceLanes);
    for (std::int64_t piece = count; piece-- > 0;) {
      for (int lane = kPieceLanes; lane-- > 0;) sums[static_cast<std::size_t>(lane)] = body.lane(piece, lane);
      for (std::size_t half = kPieceLanes / 2; half > 0; half /= 2)
        for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
      body.finish(piece, sums[0]);
    }
  }
};

}  // namespace annulus::trainer::cuda
