// The cuda backend of a program that was built without CUDA.
#include "base/error.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"

namespace annulus::trainer {
namespace {

constexpr const char* kMissing =
    "device.kind is cuda, but this program was built without CUDA. Build it with 'cmake --preset gpu', or set device.kind=cpu (or leave it at auto).";

}  // namespace

std::unique_ptr<Replica> make_cuda_replica(const Network&, const CompileOptions&, Precision) {
  throw UsageError(kMissing);
}

KernelCounts kernel_counts(const Replica&) { return {}; }

std::unique_ptr<StepEngine> make_cuda_step_engine(const CudaStepParts&) { throw UsageError(kMissing); }

}  // namespace annulus::trainer
