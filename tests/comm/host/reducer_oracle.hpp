// Gradients for reducer tests and the sums they must have, computed serially from the definition of the tree.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "comm/host/gradient_reducer.hpp"

namespace annulus::comm::test {

/// Value of element i of the gradient of a shard in a step: any sign, magnitudes over 24 powers of two, so
/// that the order of additions shows in the bits; some negative zeros.
inline float awkward_value(std::uint32_t step, std::int64_t shard, std::size_t i) {
  const auto words =
      philox({2026, step}, {static_cast<std::uint32_t>(shard), static_cast<std::uint32_t>(i), 0, 0});
  if (words[3] % 64 == 0) return -0.0f;
  const std::uint32_t exponent = 127 - 12 + words[1] % 24;
  return std::bit_cast<float>((words[2] & 0x80000000u) | exponent << 23 | (words[0] >> 9));
}

/// Sum over the shards of a node: split after the largest power of two below its size, left plus right.
inline float tree_value(std::uint32_t step, std::size_t i, std::int64_t begin, std::int64_t end) {
  if (end - begin == 1) return awkward_value(step, begin, i);
  std::int64_t half = 1;
  while (2 * half < end - begin) half *= 2;
  const float left = tree_value(step, i, begin, begin + half);
  const float right = tree_value(step, i, begin + half, end);
  return left + right;
}

/// Elements whose bits differ from the serial sum over all shards.
inline std::size_t wrong_bits(std::span<const float> sum, std::uint32_t step, std::int64_t shards) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < sum.size(); ++i)
    wrong +=
        std::bit_cast<std::uint32_t>(sum[i]) != std::bit_cast<std::uint32_t>(tree_value(step, i, 0, shards));
  return wrong;
}

/// Does a backend's part for one shard: fills bucket after bucket and reports each.
inline void produce_shard(GradientReducer& reducer, std::uint32_t step, std::int64_t shard) {
  const std::span<float> gradient = reducer.begin_shard(shard);
  for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket) {
    for (std::size_t i = reducer.buckets()[bucket].begin; i < reducer.buckets()[bucket].end; ++i)
      gradient[i] = awkward_value(step, shard, i);
    reducer.bucket_ready(shard, bucket);
  }
}

}  // namespace annulus::comm::test
