// What the reducer asks of a GPU: memory, sums, copies and order between streams. Plain C++, so that the
// reducer's logic is tested on machines without a GPU. Private to comm.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

struct CUstream_st;

namespace annulus::comm {

/// CUDA's cudaStream_t, by its real name so that this header needs nothing of CUDA.
using DeviceStream = CUstream_st*;

/// Work on the current GPU. Everything with a stream is enqueued there and returns at once; memory lives as
/// long as this unless it is released.
class DeviceWork {
 public:
  virtual ~DeviceWork() = default;

  /// The stream of communication.
  virtual DeviceStream stream() const = 0;
  /// Floats on the device and in pinned host memory, 256-byte aligned, contents undefined.
  /// @throws RuntimeError naming `purpose` and what is free
  virtual float* allocate(std::size_t count, std::string_view purpose) = 0;
  virtual float* allocate_pinned(std::size_t count, std::string_view purpose) = 0;
  /// For what measures and goes away again: release_since() gives back everything that was allocated after
  /// allocations() said `mark`. @pre all work that uses it has happened
  virtual std::size_t allocations() const = 0;
  virtual void release_since(std::size_t mark) = 0;

  /// sum[i] = left[i] + right[i]; `sum` may be `left` or `right`.
  virtual void add(float* sum, const float* left, const float* right, std::size_t count,
                   DeviceStream stream) = 0;
  /// sum[i] = the operands' elements i, summed in pairs, pairs of pairs and so on; `sum` may be an operand.
  /// @return false, and nothing is enqueued, for a number of operands that has no kernel
  virtual bool add_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                            DeviceStream stream) = 0;
  virtual void copy_to_host(float* host, const float* device, std::size_t count, DeviceStream stream) = 0;
  virtual void copy_to_device(float* device, const float* host, std::size_t count, DeviceStream stream) = 0;

  /// What is enqueued on `then` from now on waits for what is enqueued on `first` so far.
  virtual void order(DeviceStream first, DeviceStream then) = 0;
  /// Whether all that is enqueued has happened.
  virtual bool idle(DeviceStream stream) = 0;

  /// Notes on the device how far a step has come; note() is what the host sees of it.
  virtual void take_note(int value, DeviceStream stream) = 0;
  virtual int note() const = 0;
};

}  // namespace annulus::comm
