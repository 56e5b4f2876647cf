// CUDA's runtime behind owners and one check. Only files that are compiled with WITH_CUDA alone include it:
// comm/cuda and trainer/backend/cuda. It stays free of base/error.hpp, because nvcc does not
// compile fmt: kernels (.cu) may include it, and no header that includes fmt.
//
// In: handles and return codes of CUDA's C interface.
// Out: owners and exceptions.
// Invariant: a handle has one owner, a return code goes through CHECK_CUDA.
// Next: cuda_work.hpp (what the reducer asks of a GPU), for_each.cuh (the one shape of a kernel),
// nccl_link.hpp (between GPUs).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/unique_handle.hpp"

namespace annulus::comm {

/// Turns a return code of the runtime into an error. It may be the fault of an earlier kernel: those run on
/// after their launch has returned.
/// @param call  text of the call, for the message
/// @throws RuntimeError with the call, its place, the GPU and CUDA's own words
void check_cuda(cudaError_t code, const char* call, const char* file, int line);

/// Makes `device` the one of the calling thread. Threads start with device 0: each thread that calls CUDA
/// sets its own.
void set_device(int device);

struct DeviceMemory {
  std::size_t free = 0;   ///< bytes
  std::size_t total = 0;  ///< bytes
};
/// Memory of the current device.
DeviceMemory device_memory();

/// Raw memory; `purpose` is what it is for, in the message when there is not enough ("activations of a shard
/// of 128").
/// @throws OutOfDeviceMemory, RuntimeError. Never during the capture of a graph.
void* allocate_device(std::size_t bytes, std::string_view purpose);
void* allocate_pinned(std::size_t bytes, std::string_view purpose);

/// Where memory comes from and goes back to.
struct DeviceHeap {
  static void* allocate(std::size_t bytes, std::string_view purpose) {
    return allocate_device(bytes, purpose);
  }
  void operator()(void* data) const noexcept;
};
struct PinnedHeap {
  static void* allocate(std::size_t bytes, std::string_view purpose) {
    return allocate_pinned(bytes, purpose);
  }
  void operator()(void* data) const noexcept;
};

/// Elements in memory that `Memory` allocates and frees; contents undefined.
template <class T, class Memory>
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::size_t size, std::string_view purpose)
      : data_(static_cast<T*>(Memory::allocate(size * sizeof(T), purpose))), size_(size) {}
  Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  T* get() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }

  /// Only where the host may look.
  std::span<T> span() const noexcept requires std::is_same_v<Memory, PinnedHeap> {
    return {data_.get(), size_};
  }
  T& operator[](std::size_t i) const noexcept requires std::is_same_v<Memory, PinnedHeap> {
    return data_.get()[i];
  }

 private:
  std::unique_ptr<T, Memory> data_;
  std::size_t size_ = 0;
};

/// In device memory, aligned to 256 bytes. Copies are made by the functions below.
template <class T>
using DeviceBuffer = Buffer<T, DeviceHeap>;
/// In host memory that the GPU reads and writes directly.
template <class T>
using PinnedBuffer = Buffer<T, PinnedHeap>;

struct StreamTraits {
  using type = cudaStream_t;
  static inline const type null = nullptr;
  static void close(type stream) noexcept;
};
struct EventTraits {
  using type = cudaEvent_t;
  static inline const type null = nullptr;
  static void close(type event) noexcept;
};

enum class StreamPriority { normal, high };

/// A stream of its own, which does not wait for the default stream.
class Stream {
 public:
  explicit Stream(StreamPriority priority = StreamPriority::normal);
  cudaStream_t get() const noexcept { return handle_.get(); }
  /// The host waits for everything enqueued so far. Not during capture.
  void synchronize() const;

 private:
  UniqueHandle<StreamTraits> handle_;
};

enum class EventTiming { off, on };

/// A mark in a stream.
class Event {
 public:
  explicit Event(EventTiming timing = EventTiming::off);
  cudaEvent_t get() const noexcept { return handle_.get(); }
  void record(cudaStream_t stream) const;
  /// Whether the work before the mark is done; true before the first record. Not during capture.
  bool done() const;
  void synchronize() const;

 private:
  UniqueHandle<EventTraits> handle_;
};

/// What is enqueued on `stream` from now on waits for the event's last record.
void stream_wait(cudaStream_t stream, const Event& event);
/// Seconds between two recorded events made with EventTiming::on; waits for `end`.
double seconds_between(const Event& begin, const Event& end);

/// Enqueues a copy; host memory should be pinned and must live until the stream has passed. Sizes in
/// elements.
template <class T>
void copy_to_device(T* device, std::span<const T> host, cudaStream_t stream);
template <class T>
void copy_to_host(std::span<T> host, const T* device, cudaStream_t stream);
template <class T>
void copy_on_device(T* to, const T* from, std::size_t size, cudaStream_t stream);
/// Enqueues zero bytes.
template <class T>
void fill_zero(T* device, std::size_t size, cudaStream_t stream);

}  // namespace annulus::comm

/// Every call of CUDA's runtime goes through this, unless its failure is an answer.
#define ANNULUS_CHECK_CUDA(call) ::annulus::comm::check_cuda((call), #call, __FILE__, __LINE__)
/// Right after a kernel launch: a bad launch configuration or a missing kernel image shows only here.
#define ANNULUS_CHECK_LAUNCH(kernel) \
  ::annulus::comm::check_cuda(cudaGetLastError(), "launch of " kernel, __FILE__, __LINE__)

namespace annulus::comm {

template <class T>
void copy_to_device(T* device, std::span<const T> host, cudaStream_t stream) {
  ANNULUS_CHECK_CUDA(cudaMemcpyAsync(device, host.data(), host.size_bytes(), cudaMemcpyHostToDevice, stream));
}

template <class T>
void copy_to_host(std::span<T> host, const T* device, cudaStream_t stream) {
  ANNULUS_CHECK_CUDA(cudaMemcpyAsync(host.data(), device, host.size_bytes(), cudaMemcpyDeviceToHost, stream));
}

template <class T>
void copy_on_device(T* to, const T* from, std::size_t size, cudaStream_t stream) {
  ANNULUS_CHECK_CUDA(cudaMemcpyAsync(to, from, size * sizeof(T), cudaMemcpyDeviceToDevice, stream));
}

template <class T>
void fill_zero(T* device, std::size_t size, cudaStream_t stream) {
  ANNULUS_CHECK_CUDA(cudaMemsetAsync(device, 0, size * sizeof(T), stream));
}

}  // namespace annulus::comm
