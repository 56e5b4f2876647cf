// Runs the bodies of the GPU's kernels on the host: indices backwards, an order that no kernel may rely on;
// sums in the kernels' own order.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "trainer/backend/cuda/kernels/apply_optimizer.hpp"
#include "trainer/backend/cuda/kernels/column_sums.hpp"
#include "trainer/backend/cuda/kernels/loss_body.hpp"

namespace annulus::trainer::cuda {

template <class Body>
requires requires(const Body& body) { body.indices(); }
void run_on_host(const Body& body) {
  for (std::int64_t i = body.indices(); i-- > 0;) body(i);
}

/// Lanes in halves: lane l and lane l + n / 2, then l + n / 4, and so on.
template <class Number>
Number tree_sum(std::vector<Number> values) {
  for (std::size_t half = values.size() / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) values[i] += values[i + half];
  return values[0];
}

/// The second kernel of column_sums.hpp.
template <class Body>
void sum_partials(const Body& body) {
  constexpr int kLines = 32;
  for (std::int32_t column = 0; column < body.plan.columns; ++column) {
    float total[Body::kCount];
    for (int q = 0; q < Body::kCount; ++q) {
      std::vector<float> lines(kLines);
      for (std::int32_t line = 0; line < kLines; ++line)
        lines[static_cast<std::size_t>(line)] = sum_chunks(body.plan, body.partials, q, line, kLines, column);
      total[q] = tree_sum(lines);
    }
    body.finish(column, total);
  }
}

/// The first kernel of column_sums.hpp, for one lane of one block.
template <class Body>
void sum_lane(const Body& body, std::int32_t chunk, std::int32_t column) {
  constexpr int kCount = Body::kCount, kPack = Body::kPack;
  const ColumnPlan& plan = body.plan;
  std::vector<std::vector<float>> lines(kCount * kPack, std::vector<float>(plan.lines(), 0.0f));
  for (std::int32_t line = 0; line < plan.lines(); ++line) {
    float sums[kCount][kPack] = {};
    sum_rows(plan, body, chunk, line, column, sums);
    for (int q = 0; q < kCount; ++q)
      for (int k = 0; k < kPack; ++k) lines[q * kPack + k][line] = sums[q][k];
  }
  if (column >= plan.columns) return;
  for (int k = 0; k < kPack; ++k) {
    float total[kCount];
    for (int q = 0; q < kCount; ++q) total[q] = tree_sum(lines[q * kPack + k]);
    if (plan.chunks == 1) body.finish(column + k, total);
    if (plan.chunks == 1) continue;
    for (int q = 0; q < kCount; ++q)
      body.partials[(static_cast<std::int64_t>(q) * plan.chunks + chunk) * plan.columns + column + k] =
          total[q];
  }
}

/// The two kernels of column_sums.hpp, thread by thread.
template <class Body>
requires requires { Body::kCount; }
void run_on_host(const Body& body) {
  const ColumnPlan& plan = body.plan;
  for (std::int32_t tile = plan.tiles; tile-- > 0;)
    for (std::int32_t chunk = plan.chunks; chunk-- > 0;)
      for (std::int32_t lane = 0; lane < plan.lanes; ++lane)
        sum_lane(body, chunk, (tile * plan.lanes + lane) * Body::kPack);
  if (plan.chunks > 1) sum_partials(body);
}

template <class L, class T>
void run_on_host(const LossBody<L, T>& body) {
  for (std::int64_t sample = body.samples; sample-- > 0;) body.note(sample, body(SoloTeam{}, sample));
  std::vector<double> losses(kLossLanes), hits(kLossLanes), tops(kLossLanes);
  for (int lane = kLossLanes; lane-- > 0;) {
    const LossSums sums = body.lane(lane);
    losses[static_cast<std::size_t>(lane)] = sums.loss;
    hits[static_cast<std::size_t>(lane)] = sums.correct;
    tops[static_cast<std::size_t>(lane)] = sums.top;
  }
  body.finish({tree_sum(losses), tree_sum(hits), tree_sum(tops)});
}

template <class L>
void run_on_host(const SoftmaxBody<L>& body) {
  for (std::int64_t sample = 0; sample < body.samples; ++sample) body(SoloTeam{}, sample);
}

template <class T>
void run_on_host(const FindBadBody<T>& body) {
  *body.found = -1;
  for (std::int64_t i = body.elements; i-- > 0;)
    if (!std::isfinite(to_float(body.values[i]))) *body.found = i;
}

template <class Body>
void run_on_host(const OverPieces<Body>& over) {
  std::vector<double> sums(kPieceLanes);
  for (std::int64_t piece = over.count; piece-- > 0;)
    if constexpr (has_four_lanes<Body>) {
      for (int first = kPieceLanes - 4; first >= 0; first -= 4) {
        double four[4];
        over.body.four_lanes(piece, first, four);
        std::copy_n(four, 4, sums.begin() + first);
      }
      over.body.finish(piece, tree_sum(sums));
    } else if constexpr (requires { over.body.finish(piece, 0.0); }) {
      for (int lane = kPieceLanes; lane-- > 0;)
        sums[static_cast<std::size_t>(lane)] = over.body.lane(piece, lane);
      over.body.finish(piece, tree_sum(sums));
    } else {
      for (int lane = kPieceLanes; lane-- > 0;) over.body.lane(piece, lane);
    }
}

/// run_on_host as a function object, for sequences of bodies.
struct HostExecutor {
  template <class Body>
  void operator()(const Body& body) const {
    run_on_host(body);
  }
};

}  // namespace annulus::trainer::cuda
