// The way to the cuda backend for those who know nothing of CUDA. Without it in the build the same functions
// say how to get it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "comm/device/group.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/backend/contract/optimizer_state.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/precision.hpp"

namespace annulus::trainer {

/// Compiles the network for the current GPU of this thread.
/// @throws UsageError without CUDA in the build, RuntimeError when the GPU is too full: with what was asked,
/// what is free and which smaller shard was seen to fit
std::unique_ptr<Replica> make_cuda_replica(const Network& network, const CompileOptions& options,
                                           Precision precision);

/// How many layers run which way, by kind of layer: {"convolutions": {"fused": 13, "unfused": 0, ...}, ...}.
using KernelCounts = std::map<std::string, std::map<std::string, int>>;

/// Of a replica's training shard; nothing for one of another backend.
KernelCounts kernel_counts(const Replica& replica);

/// What a step is made of; all but the values outlives the engine.
struct CudaStepParts {
  const Config& config;
  Replica& replica;  ///< of make_cuda_replica()
  OptimizerState& state;
  comm::DeviceGroup& group;  ///< captured steps hold what it keeps: it goes after the engine
  comm::ReducerOptions reducer;
  io::SampleSource& training;  ///< read while the engine is made
};

/// Collective. @throws UsageError without CUDA in the build; RuntimeError, also when the GPU is too full:
/// with what was asked, what is free and how many shards a step were seen to fit (the replica is spoilt
/// then); PeerError
std::unique_ptr<StepEngine> make_cuda_step_engine(const CudaStepParts& parts);

}  // namespace annulus::trainer
