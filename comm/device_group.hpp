// Ranks that work together on device memory: the twin of ProcessGroup for what lies on a GPU. Plain C++, so
// that whoever moves bytes (NCCL, or MPI through pinned host memory) and whoever computes what to move stay
// apart.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "comm/process_group.hpp"

struct CUstream_st;

namespace annulus::comm {

/// CUDA's cudaStream_t, by its real name so that this header needs nothing of CUDA.
using DeviceStream = CUstream_st*;

/// How device memory travels between ranks.
enum class Transport {
  nccl,  ///< one GPU a rank
  host,  ///< through pinned host memory and the process group: for ranks that share a GPU; slow, and the host
         ///< waits
};

/// Enqueues communication on its one stream. Everything but poll, wait and the constructors' work only
/// enqueues.
class DeviceGroup {
 public:
  virtual ~DeviceGroup() = default;

  /// The group on host memory over the same ranks, in the same order.
  virtual ProcessGroup& host() = 0;
  virtual Transport transport() const = 0;
  /// The stream on which everything below happens.
  virtual DeviceStream stream() const = 0;

  /// Between open() and close() sends and receives are one exchange: none waits for another. Messages between
  /// two ranks match in the order of the calls.
  virtual void open() = 0;
  virtual void send(const float* data, std::size_t count, int peer) = 0;
  virtual void receive(float* data, std::size_t count, int peer) = 0;
  /// @throws PeerError, RuntimeError naming `purpose`
  virtual void close(std::string_view purpose) = 0;
  /// Sums over ranks in the library's own order, in place.
  virtual void all_reduce_sum(float* data, std::size_t count, std::string_view purpose) = 0;

  /// Looks whether a transfer has failed in the background, here or at another rank; ends all transfers if
  /// so. Cheap.
  /// @throws PeerError naming the rank and `purpose`
  virtual void poll(std::string_view purpose) = 0;
  /// Ends all transfers under way, so that no kernel waits for a rank that is gone. Nothing can be sent
  /// afterwards.
  virtual void abort() noexcept = 0;
};

}  // namespace annulus::comm
