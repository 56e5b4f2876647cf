// The gradient reducer for gradients that lie on a GPU: the same buckets, the same tree, the same bits as on
// the host. It only enqueues, so that a whole step can be captured in a CUDA graph.
//
// In: what backward has enqueued on a stream, shard by shard and bucket by bucket.
// Out: the address of the sum over all shards of the step, for work enqueued after it.
// Invariant: the additions and their order are those of the host (comm/host/tree_plan.cpp). The host only
// enqueues; addresses and calls are the same in every step.
// Next: group.hpp (which GPUs, how they reach each other), reducer.cpp, tree_exchange.cpp (between ranks),
// bucket_choice.hpp (how large a bucket).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/device/group.hpp"
#include "comm/host/gradient_reducer.hpp"

namespace annulus::comm {

/// Use, each step, from one thread: for every owned shard in ascending order `leaf = begin_shard(v)`, enqueue
/// on `compute` what fills it, and `bucket_ready(v, b, compute)` for every bucket in order, each right after
/// the work that fills it was enqueued; then `finish(compute)`. All pointers are the same in every step. One
/// compute stream per step.
///
/// Capture: first do two steps without (NCCL connects lazily), then capture the calls above with
/// cudaStreamCaptureModeThreadLocal on `compute`; the communication stream joins and leaves the capture by
/// events. All ranks capture, and all launch the same graphs in the same order. Graphs are destroyed before
/// the group, or when it asks for that (DeviceLink::set_graphs): NCCL keeps what they use until then.
class DeviceReducer {
 public:
  virtual ~DeviceReducer() = default;

  /// Device buffer for the gradient of shard v, of all `elements`, 256-byte aligned, contents undefined;
  /// every element must be written before its bucket is ready.
  virtual float* begin_shard(std::int64_t shard) = 0;
  /// What is enqueued on `compute` so far makes the elements of this bucket final in this shard's buffer.
  /// Shards are summed on `compute`; the rank's complete bucket then travels on the group's stream, beside
  /// what `compute` does next.
  virtual void bucket_ready(std::int64_t shard, std::size_t bucket, DeviceStream compute) = 0;
  /// `compute` waits for everything. @return the sum over all shards of the step in device memory, valid for
  /// work enqueued on `compute` until the next begin_shard's
  virtual const float* finish(DeviceStream compute) = 0;

  /// False when finish() makes the host wait (Transport::host): such a step cannot be captured.
  virtual bool capturable() const = 0;
  /// To be called while the host waits for a step: @throws PeerError naming this rank and the bucket that
  /// travels when a transfer has failed.
  virtual void poll() = 0;
  /// The host waits until what is enqueued on `stream` has happened, polling meanwhile; every wait for a
  /// step's result goes through here. @throws PeerError naming the bucket when that takes longer than the
  /// group's limit; all transfers have been ended then
  virtual void wait(DeviceStream stream) = 0;

  virtual const std::vector<Bucket>& buckets() const = 0;
  virtual ShardRange owned() const = 0;
};

/// @pre options.shards is a multiple of the group's size. The group outlives the reducer; several reducers
/// may share it, one after another.
std::unique_ptr<DeviceReducer> make_device_reducer(DeviceGroup& group, const ReducerOptions& options);

}  // namespace annulus::comm
