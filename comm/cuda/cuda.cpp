// Words for CUDA's errors, and the calls behind the owners.
#include "comm/cuda/cuda.hpp"

#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/source_name.hpp"
#include "comm/cuda/out_of_device_memory.hpp"

namespace annulus::comm {
namespace {

double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1e6; }

/// "0 (NVIDIA H200)": only words for a message, so a failure here must not hide the error it is for.
std::string current_device() {
  int device = 0;
  cudaDeviceProp properties{};
  if (cudaGetDevice(&device) != cudaSuccess) return "unknown";
  if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) return fmt::format("{}", device);
  return fmt::format("{} ({})", device, properties.name);
}

/// What to try; most codes say all there is to say.
const char* advice(cudaError_t code) {
  switch (code) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return "The program has no code for this GPU. Configure again with -DCMAKE_CUDA_ARCHITECTURES set to its compute capability ('annulus doctor' prints it)";
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return "Look at 'nvidia-smi': update the driver, or start with device.kind=cpu";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorMisalignedAddress:
      return "An earlier kernel failed. CUDA_LAUNCH_BLOCKING=1 shows which call it was, compute-sanitizer why. This is a fault of the program: please report it";
    default:
      return "Look for messages of the driver ('dmesg', 'nvidia-smi -q') and for other programs on this GPU";
  }
}

DeviceMemory memory_or_nothing() {
  DeviceMemory memory;
  if (cudaMemGetInfo(&memory.free, &memory.total) != cudaSuccess) return {};
  return memory;
}

}  // namespace

OutOfDeviceMemory::OutOfDeviceMemory(std::string_view purpose, std::size_t asked, std::size_t free,
                                     std::size_t total)
    : RuntimeError(
          "GPU {} has no room for {}: {:.1f} MB were asked for, {:.1f} MB of {:.1f} MB are free. Make the shards smaller (a larger batch.shards), or look with 'nvidia-smi' who else uses this GPU.",
          current_device(), purpose, megabytes(asked), megabytes(free), megabytes(total)),
      asked_(asked),
      free_(free) {}

OutOfDeviceMemory::OutOfDeviceMemory(std::string_view who, std::string_view words)
    : OutOfDeviceMemory(who, words, memory_or_nothing()) {}

OutOfDeviceMemory::OutOfDeviceMemory(std::string_view who, std::string_view words, const DeviceMemory& memory)
    : RuntimeError(
          "GPU {} has no room for what {} needs beside the network: it says '{}', {:.1f} MB of {:.1f} MB are free. Make the shards smaller (a larger batch.shards), or look with 'nvidia-smi' who else uses this GPU.",
          current_device(), who, words, megabytes(memory.free), megabytes(memory.total)),
      asked_(0),
      free_(memory.free) {}

bool no_device_memory() noexcept {
  constexpr std::size_t kRoomForKernels = std::size_t{32}
                                          << 20;  // cuBLAS's and cuDNN's code comes in such pieces
  const DeviceMemory memory = memory_or_nothing();
  return memory.total > 0 && memory.free < kRoomForKernels;
}

void check_cuda(cudaError_t code, const char* call, const char* file, int line) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // or the next check reports this one again
  if (code == cudaErrorMemoryAllocation)
    throw OutOfDeviceMemory(
        "CUDA", fmt::format("{} in {} ({}:{})", cudaGetErrorString(code), call, source_name(file), line));
  throw RuntimeError("CUDA failed on GPU {} in {} ({}:{}): {} ({}). {}", current_device(), call,
                     source_name(file), line, cudaGetErrorString(code), cudaGetErrorName(code), advice(code));
}

void set_device(int device) { ANNULUS_CHECK_CUDA(cudaSetDevice(device)); }

DeviceMemory device_memory() {
  DeviceMemory memory;
  ANNULUS_CHECK_CUDA(cudaMemGetInfo(&memory.free, &memory.total));
  return memory;
}

void* allocate_device(std::size_t bytes, std::string_view purpose) {
  if (bytes == 0) return nullptr;
  void* data = nullptr;
  const cudaError_t code = cudaMalloc(&data, bytes);
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // dealt with
    const DeviceMemory memory = memory_or_nothing();
    throw OutOfDeviceMemory(purpose, bytes, memory.free, memory.total);
  }
  ANNULUS_CHECK_CUDA(code);
  return data;
}

void* allocate_pinned(std::size_t bytes, std::string_view purpose) {
  if (bytes == 0) return nullptr;
  void* data = nullptr;
  const cudaError_t code = cudaMallocHost(&data, bytes);
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // dealt with
    throw RuntimeError(
        "This host has no room for {}: {:.1f} MB of pinned memory were asked for. Look at 'free' and at the limits of the job or container ('ulimit -l').",
        purpose, megabytes(bytes));
  }
  ANNULUS_CHECK_CUDA(code);
  return data;
}

void DeviceHeap::operator()(void* data) const noexcept {
  if (cudaFree(data) != cudaSuccess) log_warning("CUDA could not free device memory");
}

void PinnedHeap::operator()(void* data) const noexcept {
  if (cudaFreeHost(data) != cudaSuccess) log_warning("CUDA could not free pinned memory");
}

void StreamTraits::close(type stream) noexcept {
  if (cudaStreamDestroy(stream) != cudaSuccess) log_warning("CUDA could not end a stream");
}

void EventTraits::close(type event) noexcept {
  if (cudaEventDestroy(event) != cudaSuccess) log_warning("CUDA could not end an event");
}

Stream::Stream(StreamPriority priority) {
  int least = 0;
  int greatest = 0;
  ANNULUS_CHECK_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  cudaStream_t stream = nullptr;
  ANNULUS_CHECK_CUDA(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                                  priority == StreamPriority::high ? greatest : least));
  handle_ = UniqueHandle<StreamTraits>(stream);
}

void Stream::synchronize() const { ANNULUS_CHECK_CUDA(cudaStreamSynchronize(get())); }

Event::Event(EventTiming timing) {
  cudaEvent_t event = nullptr;
  ANNULUS_CHECK_CUDA(cudaEventCreateWithFlags(
      &event, timing == EventTiming::on ? cudaEventDefault : cudaEventDisableTiming));
  handle_ = UniqueHandle<EventTraits>(event);
}

void Event::record(cudaStream_t stream) const { ANNULUS_CHECK_CUDA(cudaEventRecord(get(), stream)); }

bool Event::done() const {
  const cudaError_t code = cudaEventQuery(get());
  if (code == cudaErrorNotReady) return false;
  ANNULUS_CHECK_CUDA(code);
  return true;
}

void Event::synchronize() const { ANNULUS_CHECK_CUDA(cudaEventSynchronize(get())); }

void stream_wait(cudaStream_t stream, const Event& event) {
  ANNULUS_CHECK_CUDA(cudaStreamWaitEvent(stream, event.get(), 0));
}

double seconds_between(const Event& begin, const Event& end) {
  end.synchronize();
  float milliseconds = 0;
  ANNULUS_CHECK_CUDA(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
  return static_cast<double>(milliseconds) * 1e-3;
}

}  // namespace annulus::comm
