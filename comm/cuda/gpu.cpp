// Asks driver, runtime and libraries what is there and whether it fits together.
#include "comm/device/gpu.hpp"

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstdlib>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"
#include "comm/cuda/nccl_link.hpp"
#include "comm/cuda/reduction_kernels.hpp"

namespace annulus::comm {
namespace {

/// Of CUDA: 13020 is 13.2.
std::string cuda_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }
/// Of cuDNN and cuBLAS: 91900 is 9.19.0.
std::string library_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

int driver_version() {
  int version = 0;  // stays 0 without a driver
  ANNULUS_CHECK_CUDA(cudaDriverGetVersion(&version));
  return version;
}

int runtime_version() {
  int version = 0;
  ANNULUS_CHECK_CUDA(cudaRuntimeGetVersion(&version));
  return version;
}

/// Within a major version newer libraries serve programs that were built with older ones.
std::string library_fault(const char* name, std::size_t built, std::size_t found, std::size_t major_unit) {
  if (found / major_unit == built / major_unit && found >= built) return "";
  return fmt::format(
      "This program was built with {} {}, but found {} at run time. Install {} or a newer one of the same major version, or take the folder of the other one out of LD_LIBRARY_PATH",
      name, library_text(built), library_text(found), library_text(built));
}

/// A sentence about what does not fit together, or nothing.
std::string version_fault() {
  const int driver = driver_version();
  if (driver == 0)
    return "There is no NVIDIA driver on this machine. Install it ('nvidia-smi' must work), in a container pass the GPU through ('--gpus all'), or set device.kind to cpu or auto";
  if (driver / 1000 < CUDART_VERSION / 1000)
    return fmt::format(
        "The NVIDIA driver knows CUDA up to {}, but this program was built with CUDA {}. Update the driver, build with an older CUDA, or set device.kind to cpu or auto",
        cuda_text(driver), cuda_text(CUDART_VERSION));
  if (runtime_version() / 1000 != CUDART_VERSION / 1000)
    return fmt::format(
        "This program was built with CUDA {}, but found the runtime library of CUDA {}. Install CUDA {} or take the folder of the other one out of LD_LIBRARY_PATH",
        cuda_text(CUDART_VERSION), cuda_text(runtime_version()), CUDART_VERSION / 1000);
  const std::string cudnn = library_fault("cuDNN", CUDNN_VERSION, cudnnGetVersion(), 10000);
  return cudnn.empty() ? library_fault("cuBLASLt", CUBLAS_VERSION, cublasLtGetVersion(), 10000) : cudnn;
}

std::string no_gpu_text(cudaError_t code) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return fmt::format(
      "CUDA shows this process no GPU ({}; CUDA_VISIBLE_DEVICES is {}). Look at 'nvidia-smi -L', ask the cluster for a GPU, or set device.kind to cpu or auto",
      code == cudaSuccess ? "none found" : cudaGetErrorString(code),
      visible == nullptr ? "not set" : fmt::format("'{}'", visible));
}

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

Gpu describe(int index) {
  cudaDeviceProp properties{};
  ANNULUS_CHECK_CUDA(cudaGetDeviceProperties(&properties, index));
  return {.index = index,
          .name = properties.name,
          .uuid = uuid_text(properties.uuid),
          .architecture = fmt::format("{}.{}", properties.major, properties.minor),
          .memory = properties.totalGlobalMem};
}

}  // namespace

bool built_with_cuda() { return true; }

GpuInventory find_gpus() {
  GpuInventory inventory{.missing = version_fault()};
  if (!inventory.missing.empty()) return inventory;
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess || count == 0) {
    cudaGetLastError();  // dealt with
    inventory.missing = no_gpu_text(code);
    return inventory;
  }
  for (int index = 0; index < count; ++index) inventory.gpus.push_back(describe(index));
  return inventory;
}

void use_gpu(const Gpu& gpu) {
  ANNULUS_CHECK_CUDA(cudaSetDevice(gpu.index));
  if (has_code_for_current_device()) return;
  throw UsageError(
      "GPU {} ({}) has compute capability {}, for which this program has no code: it was built for {}. Configure again with -DCMAKE_CUDA_ARCHITECTURES={}, or set device.kind to cpu.",
      gpu.index, gpu.name, gpu.architecture, ANNULUS_CUDA_ARCHITECTURES,
      gpu.architecture.substr(0, gpu.architecture.find('.')) +
          gpu.architecture.substr(gpu.architecture.find('.') + 1));
}

std::string describe_gpu_libraries() {
  const int driver = driver_version();
  return fmt::format("driver {}, runtime {}, cuDNN {}, cuBLASLt {}, NCCL {}",
                     driver == 0 ? "none" : "up to CUDA " + cuda_text(driver), cuda_text(runtime_version()),
                     library_text(cudnnGetVersion()), library_text(cublasLtGetVersion()), nccl_version());
}

std::string missing_peer_access(const GpuInventory& inventory) {
  std::string pairs;
  for (const Gpu& from : inventory.gpus) {
    for (const Gpu& to : inventory.gpus) {
      if (from.index == to.index) continue;
      int can = 0;
      ANNULUS_CHECK_CUDA(cudaDeviceCanAccessPeer(&can, from.index, to.index));
      if (can == 0) pairs += fmt::format("{}{} to {}", pairs.empty() ? "" : ", ", from.index, to.index);
    }
  }
  return pairs;
}

}  // namespace annulus::comm
