// Checks a GPU, its driver and the libraries before anything is computed on it.
#include <cuda_runtime_api.h>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"

namespace annulus::comm {
namespace {

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

/// Within a major version every runtime serves every program (CUDA's minor version compatibility), given that
/// the driver knows that major version.
void expect_driver_and_runtime() {
  int driver = 0;
  int runtime = 0;
  CHECK_CUDA(cudaDriverGetVersion(&driver));  // 0 without a driver
  CHECK_CUDA(cudaRuntimeGetVersion(&runtime));
  if (runtime / 1000 != CUDART_VERSION / 1000)
    throw UsageError(
        "This program was built with CUDA {}, but found the runtime library of CUDA {}. Install CUDA {} or "
        "take its "
        "folder out of LD_LIBRARY_PATH",
        version_text(CUDART_VERSION), version_text(runtime), CUDART_VERSION / 1000);
  if (driver == 0)
    throw UsageError(
        "There is no NVIDIA driver on this machine: device.kind=cuda needs one. Install it ('nvidia-smi' "
        "must work), in "
        "a container pass the GPU through (--gpus all), or set device.kind=cpu");
  if (driver / 1000 < CUDART_VERSION / 1000)
    throw UsageError(
        "The NVIDIA driver knows CUDA up to {}, but this program needs CUDA {}. Update the driver, build "
        "with an older "
        "CUDA, or set device.kind=cpu",
        version_text(driver), version_text(CUDART_VERSION));
}

}  // namespace

void expect_supported_device() { expect_driver_and_runtime(); }

void set_device(int device) {
  expect_supported_device();
  CHECK_CUDA(cudaSetDevice(device));
}

}  // namespace annulus::comm
