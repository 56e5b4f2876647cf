// The model's own kernels, run by loops.
#include "tests/trainer/backend/cuda/host_executor.hpp"

namespace annulus::trainer::cuda {

void enqueue(const ActivationCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const DerivativeCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const BiasActivationCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const SumCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ConvertCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const PadCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const CropCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const CopyColumnsCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const GatherRowsCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const WrapCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const UnwrapCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ZeroCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const DropoutCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const MaxPoolForwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const MaxPoolBackwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const AveragePoolForwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const AveragePoolBackwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ConvolutionForwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ConvolutionDataCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ConvolutionKernelCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const BiasGradientCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const StatisticsCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const MovingStatisticsCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const BatchNormForwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const BatchNormGradientCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const BatchNormBackwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ResponseNormForwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const ResponseNormBackwardCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const LossCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const SoftmaxCall& call, cudaStream_t) { apply(call, HostExecutor{}); }
void enqueue(const FindBadCall& call, cudaStream_t) { apply(call, HostExecutor{}); }

}  // namespace annulus::trainer::cuda
