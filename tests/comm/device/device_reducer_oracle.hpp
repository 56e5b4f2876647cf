// Steps of a device reducer as a backend would enqueue them, without ever waiting in between.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/device/reducer.hpp"
#include "tests/comm/host/reducer_oracle.hpp"
#include "tests/support/lazy_device.hpp"

namespace annulus::comm::test {

using ShardValue = float (*)(std::uint32_t step, std::int64_t shard, std::size_t i);

/// Enqueues one step; `sum` has the result once the compute stream is idle.
inline void enqueue_step(DeviceReducer& reducer, LazyWork& work, std::uint32_t step, std::vector<float>& sum,
                         ShardValue value = awkward_value) {
  for (std::int64_t shard = reducer.owned().begin; shard < reducer.owned().end; ++shard) {
    float* const gradient = reducer.begin_shard(shard);
    for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket) {
      const auto [begin, end] = reducer.buckets()[bucket];
      work.enqueue(work.compute(), [=] {
        for (std::size_t i = begin; i < end; ++i) gradient[i] = value(step, shard, i);
      });
      reducer.bucket_ready(shard, bucket, work.compute());
    }
  }
  const float* const result = reducer.finish(work.compute());
  work.enqueue(work.compute(), [&sum, result] { std::copy_n(result, sum.size(), sum.data()); });
}

}  // namespace annulus::comm::test
