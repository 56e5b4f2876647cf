// What happens to a rank's own sums on a GPU between ranks: the twin of exchange.hpp. Private to comm.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "comm/device/group.hpp"
#include "comm/host/gradient_reducer.hpp"

namespace annulus::comm {

/// Sums buckets over the ranks. A rank's maximal nodes lie in device buffers laid out as the gradients; the
/// results lie in the first of them.
class DeviceExchange {
 public:
  virtual ~DeviceExchange() = default;
  /// The nodes hold their sum of this bucket once what is enqueued on `compute` has happened.
  virtual void start(std::size_t bucket, DeviceStream compute) = 0;
  /// `compute` waits for every bucket.
  virtual void finish(DeviceStream compute) = 0;
  /// Whether both only enqueue.
  virtual bool capturable() const = 0;
};

/// A rank's part of a run: 16 MB, long enough for the full speed of NVLink.
constexpr std::size_t kDevicePartElements = std::size_t{1} << 22;

/// Along the shard tree, in the order of make_tree_exchange: rank j receives everybody's nodes for the j-th
/// part of a run, sums them and sends the sum to all. @pre the group has a link
std::unique_ptr<DeviceExchange> make_device_tree_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes,
                                                          std::size_t part_elements = kDevicePartElements);
/// By the library's allreduce over the sum of each rank's nodes. @pre the group has a link
std::unique_ptr<DeviceExchange> make_device_fast_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes);
/// Through pinned host memory and the host's exchange, of either kind. finish() waits for the other ranks.
std::unique_ptr<DeviceExchange> make_device_host_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes);

}  // namespace annulus::comm
