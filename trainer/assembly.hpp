// The parts of one training step, made once and in the right order: data, model, optimizer, engine, loader.
// The training job and the step benchmark are built on it.
#pragma once

#include <memory>

#include "comm/bucket_choice.hpp"
#include "comm/device_group.hpp"
#include "comm/mpi_session.hpp"
#include "io/batch_loader.hpp"
#include "trainer/backend/replica.hpp"
#include "trainer/backend/step_engine.hpp"
#include "trainer/model/config.hpp"
#include "trainer/optimizer.hpp"

namespace annulus::trainer {

class Assembly {
 public:
  /// Compiles the config's network for this rank and starts nothing yet. The config outlives the assembly.
  /// @pre the config's normalisation is resolved and check_world() has passed
  Assembly(const Config& config, comm::MpiSession& mpi, std::unique_ptr<io::SampleSource> training);

  io::SampleSource& training() { return *training_; }
  Replica& replica() { return *replica_; }
  Optimizer& optimizer() { return *optimizer_; }
  StepEngine& engine() { return *engine_; }
  const io::ShardedSampler& sampler() const { return *sampler_; }
  io::BatchLoader& loader() { return *loader_; }
  /// In which gradients travel.
  const comm::BucketSize& bucket_size() const { return bucket_size_; }

 private:
  std::unique_ptr<io::SampleSource> training_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<comm::DeviceGroup> gpus_;  ///< none on hosts
  comm::BucketSize bucket_size_;
  std::unique_ptr<StepEngine> engine_;
  std::unique_ptr<io::ShardedSampler> sampler_;
  std::unique_ptr<io::BatchLoader> loader_;
};

}  // namespace annulus::trainer
