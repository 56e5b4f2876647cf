// Ranks that work together on device memory: the twin of ProcessGroup for what lies on a GPU. Plain C++, so
// that whoever moves bytes and whoever computes what to move stay apart.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "comm/device/work.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {

/// How device memory travels between ranks.
enum class Transport {
  nccl,  ///< one GPU per rank
  host,  ///< through pinned host memory and the process group: for ranks that share a GPU; slow, and the host
         ///< waits
};

/// Enqueues exchanges between device memories on one stream.
class DeviceLink {
 public:
  virtual ~DeviceLink() = default;

  /// Between open() and close() sends and receives are one exchange: none waits for another. Messages between
  /// two ranks match in the order of the calls.
  virtual void open() = 0;
  virtual void send(const float* data, std::size_t count, int peer) = 0;
  virtual void receive(float* data, std::size_t count, int peer) = 0;
  /// @throws PeerError, RuntimeError naming `purpose`
  virtual void close(std::string_view purpose) = 0;
  /// Sums over ranks in the library's own order, in place.
  virtual void all_reduce_sum(float* data, std::size_t count, std::string_view purpose) = 0;

  /// Looks whether a transfer has failed in the background, here or at another rank, and ends all transfers
  /// if so. Cheap.
  /// @throws PeerError naming this rank and `purpose`
  virtual void poll(std::string_view purpose) = 0;
  /// Ends all transfers under way, so that no kernel waits for a rank that is gone, and has captured ones
  /// given up. Comes back within seconds whatever the library does. Nothing can be sent afterwards.
  virtual void abort() noexcept = 0;

  /// Who captures transfers in graphs says how they are given up: a library's abort waits for the last graph
  /// that holds one. `give_up` destroys them; abort() calls it, from the thread that has called abort(), once
  /// kernels have been told to end. Empty: there are none, or no longer.
  void set_graphs(std::function<void()> give_up) { give_up_graphs_ = std::move(give_up); }

 protected:
  const std::function<void()>& give_up_graphs() const { return give_up_graphs_; }

 private:
  std::function<void()> give_up_graphs_;
};

/// A rank's GPU and how it reaches the others.
class DeviceGroup final {
 public:
  /// @param link  none for Transport::host, and for a rank alone. `host` outlives the group.
  DeviceGroup(ProcessGroup& host, std::unique_ptr<DeviceWork> work, std::unique_ptr<DeviceLink> link)
      : host_(host), work_(std::move(work)), link_(std::move(link)) {}

  /// The group on host memory over the same ranks, in the same order.
  ProcessGroup& host() { return host_; }
  DeviceWork& work() { return *work_; }
  DeviceLink* link() { return link_.get(); }

 private:
  ProcessGroup& host_;
  std::unique_ptr<DeviceWork> work_;
  std::unique_ptr<DeviceLink> link_;  // ends before the stream that it uses
};

/// The group of the current device over the ranks of `host`, which outlives it. Collective.
/// @throws PeerError when a rank does not come within host.limit(), UsageError when NCCL is not the one built
/// with or the program was built without CUDA
std::unique_ptr<DeviceGroup> make_device_group(ProcessGroup& host, Transport transport);

}  // namespace annulus::comm
