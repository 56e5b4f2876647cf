// Every kernel of the model and of a step, one line per kernel, grouped by the .cu file that compiles it. Who
// expands a list has defined enqueue() and included the bodies: a .cu file for the GPU, the tests' emulation
// for the host.
//
// In and out: memory of the device that the body names; nothing is allocated here.
// Invariant: a body includes nothing of CUDA and gives the same bits on the host; sums have one fixed
// order, and no thread adds to what another one writes (there are no atomics).
// Next: instances.hpp (which element types a step plans), execute.cuh (bodies over a grid), any
// *_body.hpp.
#pragma once

#define ANNULUS_KERNEL(...) template void enqueue(cudaStream_t, const __VA_ARGS__&);

// clang-format off
/// As ElementInstance, two of them, PackInstance and QuadInstance of instances.hpp.
#define ANNULUS_KERNEL_OF_ELEMENTS(Body) ANNULUS_KERNEL(Body<float>) ANNULUS_KERNEL(Body<BFloat16>)
#define ANNULUS_KERNEL_OF_PAIRS(Body)                                            \
  ANNULUS_KERNEL(Body<float, float>)    ANNULUS_KERNEL(Body<float, BFloat16>)    \
  ANNULUS_KERNEL(Body<BFloat16, float>) ANNULUS_KERNEL(Body<BFloat16, BFloat16>)
#define ANNULUS_KERNEL_OF_PACKS(Body)                                     \
  ANNULUS_KERNEL(Body<float, 1>)    ANNULUS_KERNEL(Body<float, 4>)        \
  ANNULUS_KERNEL(Body<BFloat16, 1>) ANNULUS_KERNEL(Body<BFloat16, 8>)
#define ANNULUS_KERNEL_OF_QUADS(Body)                                     \
  ANNULUS_KERNEL(Body<float, 1>)    ANNULUS_KERNEL(Body<float, 4>)        \
  ANNULUS_KERNEL(Body<BFloat16, 1>) ANNULUS_KERNEL(Body<BFloat16, 4>)
// clang-format on

#define ANNULUS_ELEMENTWISE_KERNELS           \
  ANNULUS_KERNEL_OF_PACKS(ActivationBody)     \
  ANNULUS_KERNEL_OF_PACKS(DerivativeBody)     \
  ANNULUS_KERNEL_OF_PACKS(BiasActivationBody) \
  ANNULUS_KERNEL_OF_PACKS(SumBody)            \
  ANNULUS_KERNEL_OF_PAIRS(ConvertBody)        \
  ANNULUS_KERNEL_OF_PACKS(PadBody)            \
  ANNULUS_KERNEL_OF_PACKS(CropBody)           \
  ANNULUS_KERNEL(LeftoverBody)                \
  ANNULUS_KERNEL_OF_QUADS(DropoutBody)        \
  ANNULUS_KERNEL_OF_PAIRS(CopyColumnsBody)    \
  ANNULUS_KERNEL(GatherRowsBody)              \
  ANNULUS_KERNEL_OF_PACKS(WrapBody)           \
  ANNULUS_KERNEL_OF_PACKS(UnwrapBody)

#define ANNULUS_POOL_KERNELS                         \
  ANNULUS_KERNEL_OF_PACKS(MaxPoolForwardBody)        \
  ANNULUS_KERNEL_OF_PACKS(MaxPoolBackwardBody)       \
  ANNULUS_KERNEL_OF_PACKS(AveragePoolForwardBody)    \
  ANNULUS_KERNEL_OF_PACKS(AveragePoolBackwardBody)   \
  ANNULUS_KERNEL_OF_ELEMENTS(ConvolutionForwardBody) \
  ANNULUS_KERNEL_OF_ELEMENTS(ConvolutionDataBody)    \
  ANNULUS_KERNEL_OF_ELEMENTS(ConvolutionKernelBody)

#define ANNULUS_NORMALISATION_KERNELS                  \
  ANNULUS_KERNEL_OF_QUADS(BiasGradientBody)            \
  ANNULUS_KERNEL_OF_QUADS(StatisticsBody)              \
  ANNULUS_KERNEL(MovingStatisticsBody)                 \
  ANNULUS_KERNEL_OF_PACKS(BatchNormForwardBody)        \
  ANNULUS_KERNEL_OF_QUADS(BatchNormGradientBody)       \
  ANNULUS_KERNEL_OF_PACKS(BatchNormBackwardBody)       \
  ANNULUS_KERNEL_OF_ELEMENTS(ResponseNormForwardBody)  \
  ANNULUS_KERNEL_OF_ELEMENTS(ResponseNormTermsBody)    \
  ANNULUS_KERNEL_OF_ELEMENTS(ResponseNormBackwardBody) \
  ANNULUS_KERNEL_OF_ELEMENTS(ChannelMomentsBody)       \
  ANNULUS_KERNEL(GroupStatisticsBody)                  \
  ANNULUS_KERNEL_OF_PACKS(GroupNormForwardBody)        \
  ANNULUS_KERNEL_OF_ELEMENTS(ChannelGradientsBody)     \
  ANNULUS_KERNEL(GroupNormGradientBody)                \
  ANNULUS_KERNEL(GroupMeansBody)                       \
  ANNULUS_KERNEL_OF_PACKS(GroupNormBackwardBody)

#define ANNULUS_LOSS_KERNELS              \
  ANNULUS_KERNEL_OF_PAIRS(LossBody)       \
  ANNULUS_KERNEL_OF_ELEMENTS(SoftmaxBody) \
  ANNULUS_KERNEL_OF_ELEMENTS(FindBadBody)

#define ANNULUS_AUGMENTATION_KERNELS          \
  ANNULUS_KERNEL(DrawPlanBody)                \
  ANNULUS_KERNEL(LaneRangeBody<std::uint8_t>) \
  ANNULUS_KERNEL(LaneRangeBody<float>)        \
  ANNULUS_KERNEL(PlanRangeBody)               \
  ANNULUS_KERNEL(AugmentBody<std::uint8_t>)   \
  ANNULUS_KERNEL(AugmentBody<float>)          \
  ANNULUS_KERNEL(LaneSumBody)                 \
  ANNULUS_KERNEL(SampleMapBody)               \
  ANNULUS_KERNEL(ApplyMapBody)                \
  ANNULUS_KERNEL(MixRowsBody)                 \
  ANNULUS_KERNEL(GatherLabelsBody)

#define ANNULUS_OPTIMIZER_KERNELS              \
  ANNULUS_KERNEL(OverPieces<PieceSquaresBody>) \
  ANNULUS_KERNEL(OverPieces<RangeSumBody>)     \
  ANNULUS_KERNEL(OverPieces<JudgeBody>)        \
  ANNULUS_KERNEL(OverPieces<UpdateBody>)       \
  ANNULUS_KERNEL(MovingAverageBody)
