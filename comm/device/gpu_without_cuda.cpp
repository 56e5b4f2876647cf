// GPUs for a program that was built without CUDA.
#include "base/error.hpp"
#include "comm/device/gpu.hpp"

namespace annulus::comm {
namespace {

constexpr const char* kMissing =
    "This program was built without CUDA. Build it with 'cmake --preset gpu' (it needs CUDA, cuDNN and NCCL), or set device.kind to cpu or auto";

}  // namespace

bool built_with_cuda() { return false; }

GpuInventory find_gpus() { return {.missing = kMissing}; }

void use_gpu(const Gpu&) { throw UsageError(kMissing); }

std::unique_ptr<DeviceGroup> make_device_group(ProcessGroup&, Transport) { throw UsageError(kMissing); }

std::string describe_gpu_libraries() { return "none: this program was built without CUDA"; }

std::string missing_peer_access(const GpuInventory&) { return ""; }

}  // namespace annulus::comm
