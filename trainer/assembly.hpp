// The parts of one training step, made once and in the right order: data, model, optimizer, engine, loader.
// The training job and the step benchmark are built on it.
#pragma once

#include <memory>

#include "comm/device/bucket_choice.hpp"
#include "comm/device/group.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "io/loading/batch_loader.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/contract/step_engine.hpp"
#include "trainer/loop/optimizer.hpp"
#include "trainer/loop/same_numbers.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/run_request.hpp"

namespace annulus::trainer {

class Assembly {
 public:
  /// Compiles the config's network for this rank and starts nothing yet. The config outlives the assembly.
  /// @param earlier  what an earlier start of the run kept to: instruction set, streams of the shuffle
  /// @pre the config's normalisation is resolved and check_world() has passed
  Assembly(const Config& config, comm::MpiSession& mpi, std::unique_ptr<io::SampleSource> training,
           const EarlierStart& earlier = {});

  io::SampleSource& training() { return *training_; }
  Replica& replica() { return *replica_; }
  Optimizer& optimizer() { return *optimizer_; }
  StepEngine& engine() { return *engine_; }
  const io::ShardedSampler& sampler() const { return *sampler_; }
  io::BatchLoader& loader() { return *loader_; }
  /// In which gradients travel.
  const comm::BucketSize& bucket_size() const { return bucket_size_; }
  /// How this rank, and so every other, computes.
  const NumbersRecord& numbers() const { return numbers_; }

 private:
  std::unique_ptr<io::SampleSource> training_;
  std::unique_ptr<Replica> replica_;
  NumbersRecord numbers_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<comm::DeviceGroup> gpus_;                ///< none on hosts
  std::unique_ptr<comm::GradientReducer> step_sums_ = {};  ///< for layers with statistics of the step
  comm::BucketSize bucket_size_;
  std::unique_ptr<StepEngine> engine_;
  std::unique_ptr<io::ShardedSampler> sampler_;
  std::unique_ptr<io::BatchLoader> loader_;
};

}  // namespace annulus::trainer
