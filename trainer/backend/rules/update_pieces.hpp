// The parts of an update's plan (update_plan.hpp), as the kernels of a GPU see them too.
#pragma once

#include <cstdint>

namespace annulus::trainer {

/// Parameters, gradient and states of a piece fit a second-level cache; on a GPU one block updates a piece.
constexpr std::int64_t kPieceElements = 4096;

/// A run of elements of one segment, at most kPieceElements long.
struct Piece {
  std::int64_t begin;
  std::int32_t count;
  std::int32_t segment;
};

/// Some pieces in a row.
struct PieceRange {
  std::int64_t begin;
  std::int64_t end;
};

/// What belongs to a tensor.
struct SegmentRule {
  float decay;
  std::int32_t is_kernel;  ///< decays, and has a trust ratio where the optimizer has one
};

}  // namespace annulus::trainer
