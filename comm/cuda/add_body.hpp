// The one addition of the reducer on the GPU, as comm/host/add.hpp is on the host.
#pragma once

#include <cstdint>

#include "comm/cuda/quad.hpp"

namespace annulus::comm {

/// sum[i] = left[i] + right[i]; `sum` may be `left` or `right`. Index: four floats where all three lie at 16
/// bytes, else one.
struct AddBody {
  float* sum;
  const float* left;
  const float* right;
  std::int64_t count;

  ANNULUS_DEVICE bool in_quads() const { return quads_fit(sum, left, right); }
  ANNULUS_DEVICE std::int64_t indices() const { return in_quads() ? quads_of_floats(count) : count; }
  ANNULUS_DEVICE void operator()(std::int64_t i) const {
    if (!in_quads()) return add(i, i + 1);
    if (4 * i + 4 > count) return add(4 * i, count);
    Quad quad = load_quad(left + 4 * i);
    const Quad other = load_quad(right + 4 * i);
    for (int k = 0; k < 4; ++k) quad.values[k] += other.values[k];
    store_quad(sum + 4 * i, quad);
  }

 private:
  ANNULUS_DEVICE void add(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t i = begin; i < end; ++i) sum[i] = left[i] + right[i];
  }
};

}  // namespace annulus::comm
