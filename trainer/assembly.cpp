// Every part is made once, in the order in which the later ones need the earlier.
#include "trainer/assembly.hpp"

#include <algorithm>

#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/host_step_engine.hpp"
#include "trainer/sampling.hpp"

namespace annulus::trainer {
namespace {

comm::BucketWish bucket_wish(const Config& config, const Replica& replica) {
  return {.given_bytes = static_cast<std::size_t>(config.bucket_kb) * 1024,
          .reduction = config.reduction,
          .gradient_bytes = gradient_elements(replica.layout()) * sizeof(float)};
}

comm::ReducerOptions reducer_options(const Config& config, const ArenaLayout& layout,
                                     std::size_t bucket_bytes, comm::MpiSession& mpi) {
  return {.elements = gradient_elements(layout),
          .buckets = comm::make_buckets(gradient_sizes(layout), bucket_bytes / sizeof(float)),
          .shards = config.batch.shards,
          .reduction = config.reduction,
          .shared_memory = [&mpi](std::size_t bytes) { return mpi.try_allocate_shared(bytes); }};
}

/// Along the tree whatever `reduction` says: of two kinds of sums under way at once only messages with tags
/// of their own match on all ranks, and they are too small for anything to be gained.
comm::ReducerOptions step_sum_options(const Config& config, std::size_t elements, comm::MpiSession& mpi) {
  return {.elements = elements,
          .buckets = {{0, elements}},
          .shards = config.batch.shards,
          .shared_memory = [&mpi](std::size_t bytes) { return mpi.try_allocate_shared(bytes); },
          .purpose = comm::ReducerPurpose::statistics};
}

io::SamplerOptions sampler_options(const Config& config, const io::SampleSource& training,
                                   const EarlierStart& earlier) {
  const io::SourceInfo& source = training.info();
  io::SamplerOptions options{.samples = source.samples,
                             .batch = config.batch.size,
                             .shards = config.batch.shards,
                             .seed = config.seed,
                             .shuffle = config.data.shuffle,
                             .endless = source.endless,
                             .draws = draw_counts(config, training)};
  if (source.resident || source.chunk <= 1) return options;
  const std::uint64_t chunk_bytes = source.chunk * io::sample_bytes(source);
  options.chunk = source.chunk;
  options.rows = source.places != nullptr ? source.places : source.rows;
  options.window_chunks = std::max<std::uint64_t>(1, (config.data.window_mb << 20) / chunk_bytes);
  options.streams = earlier.streams != 0 ? static_cast<std::int64_t>(earlier.streams)
                    : options.shuffle    ? io::shuffle_streams(options.shards, options.window_chunks)
                                         : 1;
  return options;
}

/// Weights that decide how often samples are drawn are no factors of their losses as well.
io::SampleWeights weights_of(const Config& config) {
  return config.data.sampling == io::Sampling::weighted ? io::SampleWeights::ignored
                                                        : io::SampleWeights::factors;
}

}  // namespace

Assembly::Assembly(const Config& config, comm::MpiSession& mpi, std::unique_ptr<io::SampleSource> training,
                   const EarlierStart& earlier)
    : training_(std::move(training)) {
  comm::ProcessGroup& group = mpi.group();
  const auto owned = comm::owned_shards(config.batch.shards, group.rank(), group.size());
  const DeviceChoice device = choose_device(config, mpi, earlier.instructions);
  replica_ = make_replica(config, device, owned.size());
  numbers_ = require_same_numbers(config, *replica_, group, mpi.world().host);
  optimizer_ = std::make_unique<Optimizer>(config.optimizer, config.network, replica_->layout());
  if (device.kind == Device::cuda) gpus_ = comm::make_device_group(group, device.transport);
  bucket_size_ = comm::choose_bucket_size(bucket_wish(config, *replica_), gpus_.get());
  const comm::ReducerOptions reducer = reducer_options(config, replica_->layout(), bucket_size_.bytes, mpi);
  if (gpus_)
    engine_ = make_cuda_step_engine({.config = config,
                                     .replica = *replica_,
                                     .state = optimizer_->state(),
                                     .group = *gpus_,
                                     .reducer = reducer,
                                     .training = *training_});
  else
    engine_ = make_host_step_engine(*replica_, *optimizer_, comm::make_reducer(group, reducer));
  if (const std::size_t elements = replica_->step_sum_elements(); elements > 0) {
    step_sums_ = comm::make_reducer(group, step_sum_options(config, elements, mpi));
    replica_->set_step_sums(step_sums_.get());
  }
  sampler_ = std::make_unique<io::ShardedSampler>(sampler_options(config, *training_, earlier));
  loader_ =
      std::make_unique<io::BatchLoader>(*training_, *sampler_, training_generator(config, training_->info()),
                                        io::LoaderOptions{.first_shard = owned.begin,
                                                          .owned_shards = owned.size(),
                                                          .content = engine_->content(),
                                                          .layout = replica_->pixel_layout(),
                                                          .weights = weights_of(config),
                                                          .threads = config.data.loader_threads,
                                                          .memory = engine_->batch_memory()});
}

}  // namespace annulus::trainer
