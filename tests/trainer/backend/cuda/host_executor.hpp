// Runs the bodies of the GPU's kernels on the host, in an order that no kernel may rely on.
#pragma once

#include <cmath>
#include <vector>

#include "trainer/backend/cuda/kernels/apply_elementwise.hpp"
#include "trainer/backend/cuda/kernels/apply_loss.hpp"
#include "trainer/backend/cuda/kernels/apply_normalisation.hpp"
#include "trainer/backend/cuda/kernels/apply_pool.hpp"
#include "trainer/backend/cuda/kernels/apply_structure.hpp"

namespace annulus::trainer::cuda {

struct HostExecutor {
  template <class Body>
  void for_each(std::int64_t count, const Body& body) const {
    for (std::int64_t i = count; i-- > 0;) body(i);
  }

  /// The two kernels of column_sums.hpp, thread by thread.
  template <class Terms, class Finish>
  void column_sums(const ColumnPlan& plan, const Terms& terms, const Finish& finish, float* partials) const {
    constexpr int kCount = Terms::kCount, kPack = Terms::kPack;
    for (std::int32_t tile = plan.tiles; tile-- > 0;)
      for (std::int32_t chunk = plan.chunks; chunk-- > 0;)
        for (std::int32_t lane = 0; lane < plan.lanes; ++lane) {
          const std::int32_t column = (tile * plan.lanes + lane) * kPack;
          std::vector<std::vector<float>> lines(kCount * kPack, std::vector<float>(plan.lines(), 0.0f));
          for (std::int32_t line = 0; line < plan.lines(); ++line) {
            float sums[kCount][kPack] = {};
            sum_rows(plan, terms, chunk, line, column, sums);
            for (int q = 0; q < kCount; ++q)
              for (int k = 0; k < kPack; ++k) lines[q * kPack + k][line] = sums[q][k];
          }
          if (column >= plan.columns) continue;
          for (int k = 0; k < kPack; ++k) {
            float total[kCount];
            for (int q = 0; q < kCount; ++q) total[q] = tree_sum(lines[q * kPack + k]);
            if (plan.chunks == 1) finish(column + k, total);
            if (plan.chunks == 1) continue;
            for (int q = 0; q < kCount; ++q)
              partials[(static_cast<std::int64_t>(q) * plan.chunks + chunk) * plan.columns + column + k] =
                  total[q];
          }
        }
    if (plan.chunks > 1) sum_partials<kCount>(plan, finish, partials);
  }

  template <class Rows>
  void loss(const Rows& rows, const LossCall& call) const {
    double loss = 0, correct = 0;
    for (std::int64_t sample = 0; sample < call.samples; ++sample) {
      const SampleLoss result = rows(SoloTeam{}, sample);
      loss += static_cast<double>(result.loss);
      correct += static_cast<double>(result.correct);
    }
    for (int i = 0; i < kLossHead; ++i) call.head[i] = 0;
    call.head[0] = static_cast<float>(loss);
    call.head[1] = static_cast<float>(correct);
    call.head[2] = static_cast<float>(call.samples);
  }
  template <class Rows>
  void softmax(const Rows& rows, std::int64_t samples) const {
    for (std::int64_t sample = 0; sample < samples; ++sample) rows(SoloTeam{}, sample);
  }
  template <class T>
  void find_bad(const T* values, const FindBadCall& call) const {
    *call.found = -1;
    for (std::int64_t i = call.count; i-- > 0;)
      if (!std::isfinite(to_float(values[i]))) *call.found = i;
  }

 private:
  static float tree_sum(std::vector<float> values) {
    for (std::size_t half = values.size() / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) values[i] += values[i + half];
    return values[0];
  }
  template <int kCount, class Finish>
  static void sum_partials(const ColumnPlan& plan, const Finish& finish, const float* partials) {
    constexpr std::int32_t kLines = 32;
    for (std::int32_t column = 0; column < plan.columns; ++column) {
      float total[kCount];
      for (int q = 0; q < kCount; ++q) {
        std::vector<float> lines(kLines);
        for (std::int32_t line = 0; line < kLines; ++line)
          lines[static_cast<std::size_t>(line)] = sum_chunks(plan, partials, q, line, kLines, column);
        total[q] = tree_sum(lines);
      }
      finish(column, total);
    }
  }
};

}  // namespace annulus::trainer::cuda
