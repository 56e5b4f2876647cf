// The order of a step on the GPU, and who waits for whom.
#include "trainer/backend/cuda/cuda_step_engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/cuda/out_of_device_memory.hpp"

namespace annulus::trainer::cuda {
namespace {

/// Steps of a shape before it is captured: libraries and NCCL set up what they keep, buffers are made.
constexpr int kWarmUpSteps = 2;

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

CudaReplica& checked(Replica& replica) {
  auto* const mine = dynamic_cast<CudaReplica*>(&replica);
  expect_contract(mine != nullptr, "the cuda engine trains a replica of the cuda backend");
  return *mine;
}

std::int64_t shard_samples(const Config& config) { return config.batch.size / config.batch.shards; }

}  // namespace

CudaStepEngine::CudaStepEngine(const CudaStepParts& parts)
    : replica_(checked(parts.replica)),
      link_(parts.group.link()),
      stream_(replica_.stream().get()),
      shard_stride_((static_cast<std::size_t>(shard_samples(parts.config)) + 15) / 16 *
                    16),  // 64-byte aligned
      entries_(shard_stride_ * static_cast<std::size_t>(parts.reducer.shards / parts.group.host().size())),
      weights_(parts.training.all_weights().empty() ? 0 : entries_),
      shares_(parts.config.augmentation.mixup == 0 ? 0 : entries_),
      ahead_(parts.config.debug ? 0 : 1),  // a debug run compares replicas after every step
      uses_graphs_(parts.config.device.graph && !parts.config.debug),
      optimizer_(parts.config.optimizer, replica_.model(), parts.state),
      images_({.source = parts.training,
               .images = {parts.config.augmentation, parts.config.normalisation, parts.config.seed},
               .shard_samples = shard_samples(parts.config),
               .owned_shards = parts.reducer.shards / parts.group.host().size(),
               .resident_mb = parts.config.data.gpu_mb}),
      reducer_(comm::make_device_reducer(parts.group, parts.reducer)),
      block_(aligned(sizeof(Block)) + aligned(entries_ * sizeof(std::uint64_t)) +
                 aligned(entries_ * sizeof(std::int32_t)) + aligned(weights_ * sizeof(float)) +
                 shares_ * sizeof(float),
             "what changes from step to step"),
      report_(1, "the report of a step") {
  for (Slot& slot : slots_) {
    slot.block = {block_.size(), "what changes from step to step"};
    slot.report = {1, "the report of a step"};
  }
  if (uses_graphs_ && !reducer_->capturable()) {
    uses_graphs_ = false;
    log_info("ranks share a GPU and reduce through host memory: steps are not captured as CUDA graphs");
  }
  if (link_ != nullptr) link_->set_graphs([this] { give_up_graphs(); });
}

CudaStepEngine::~CudaStepEngine() {
  if (link_ != nullptr) link_->set_graphs({});
}

/// When transfers are ended: graphs hold some. A running graph may be destroyed; it goes when it is over.
void CudaStepEngine::give_up_graphs() noexcept {
  for (auto& [samples, shape] : shapes_) shape.graph.reset();
}

std::uint64_t* CudaStepEngine::samples_of(std::byte* block) const {
  return reinterpret_cast<std::uint64_t*>(block + aligned(sizeof(Block)));
}

std::int32_t* CudaStepEngine::labels_of(std::byte* block) const {
  return reinterpret_cast<std::int32_t*>(block + aligned(sizeof(Block)) +
                                         aligned(entries_ * sizeof(std::uint64_t)));
}

float* CudaStepEngine::weights_of(std::byte* block) const {
  return reinterpret_cast<float*>(reinterpret_cast<std::byte*>(labels_of(block)) +
                                  aligned(entries_ * sizeof(std::int32_t)));
}

float* CudaStepEngine::shares_of(std::byte* block) const {
  return reinterpret_cast<float*>(reinterpret_cast<std::byte*>(weights_of(block)) +
                                  aligned(weights_ * sizeof(float)));
}

void CudaStepEngine::fill(Slot& slot, const io::Batch& batch, const StepOrder& order) {
  std::byte* const block = slot.block.get();
  const UpdateScalars update = optimizer_.next(order, batch.samples, begun_ - finished_);
  const Block values{.scalars = {.epoch = static_cast<std::uint32_t>(batch.epoch),
                                 .samples = static_cast<std::int32_t>(batch.samples),
                                 .learning_rate = static_cast<float>(order.learning_rate),
                                 .spoil = order.spoil == Spoil::gradient ? 1u : 0u},
                     .update = update};
  std::memcpy(block, &values, sizeof values);
  for (std::size_t i = 0; i < batch.shards.size(); ++i) {
    const io::Shard& shard = batch.shards[i];
    std::copy(shard.samples.begin(), shard.samples.end(), samples_of(block) + i * shard_stride_);
    std::copy(shard.labels.begin(), shard.labels.end(), labels_of(block) + i * shard_stride_);
    if (weights_ > 0) {
      float* const weights = weights_of(block) + i * shard_stride_;
      if (shard.weights.empty()) std::fill_n(weights, shard.size(), 1.0f);
      std::copy(shard.weights.begin(), shard.weights.end(), weights);
    }
    std::copy(shard.shares.begin(), shard.shares.end(), shares_of(block) + i * shard_stride_);
  }
  slot.samples = batch.samples;
}

/// The host fills one slot while the GPU may still read the other: with at most one step unfinished, the
/// slot's last step is over. On the stream everything follows the step before, so the block and the report on
/// the GPU exist once.
void CudaStepEngine::begin(const io::Batch& batch, const StepOrder& order) {
  expect_contract(begun_ - finished_ <= ahead_, "no more steps under way than the engine allows");
  Slot& slot = slots_[begun_ % slots_.size()];
  fill(slot, batch, order);
  comm::copy_to_device(block_.get(), std::span<const std::byte>(slot.block.span()), stream_);
  images_.send(batch, stream_);
  run(batch);
  comm::copy_to_host(slot.report.span(), report_.get(), stream_);
  slot.over.record(stream_);
  comm::stream_wait(slot.results.get(), slot.over);
  ++begun_;
  images_.wait_sent();  // short: the GPU copies beside the step before
}

/// What is captured, and which steps launch it, is the same on every rank, whatever a rank spoils: NCCL wants
/// all ranks of a transfer in a graph, or none.
void CudaStepEngine::run(const io::Batch& batch) {
  if (!uses_graphs_) return enqueue_step(batch);
  Shape& shape = shapes_[batch.samples];
  if (shape.graph == nullptr && shape.steps < kWarmUpSteps) {
    ++shape.steps;
    return enqueue_step(batch);
  }
  if (shape.graph == nullptr)
    shape.graph = std::make_unique<StepGraph>(stream_, [&] { enqueue_step(batch); });
  shape.graph->launch(stream_);
}

/// Forward and backward shard by shard, buckets leaving as backward fills them; then the update.
void CudaStepEngine::enqueue_step(const io::Batch& batch) {
  std::int64_t first = 0;
  for (std::size_t i = 0; i < batch.shards.size(); ++i) {
    enqueue_shard(batch.shards[i], {i * shard_stride_, first});
    first += batch.shards[i].size();
  }
  const float* const sums = reducer_->finish(stream_);
  const auto* const block = reinterpret_cast<const Block*>(block_.get());
  optimizer_.enqueue_update(sums, &block->update, report_.get(), stream_);
}

void CudaStepEngine::enqueue_shard(const io::Shard& shard, const ShardOrder& order) {
  const StepScalars* const scalars = &reinterpret_cast<const Block*>(block_.get())->scalars;
  std::int32_t* const labels = labels_of(block_.get()) + order.place;
  const std::uint64_t* const samples = samples_of(block_.get()) + order.place;
  const float* const weights = weights_ == 0 ? nullptr : weights_of(block_.get()) + order.place;
  const float* const shares = shares_ == 0 ? nullptr : shares_of(block_.get()) + order.place;
  float* const gradients = reducer_->begin_shard(shard.index);
  const DeviceImages::ShardInputs inputs =
      images_.enqueue_shard({samples, labels, shares, order.first, shard.size(), scalars}, stream_);

  const std::vector<comm::Bucket>& buckets = reducer_->buckets();
  std::size_t next = 0;
  replica_.model().train({.images = inputs.images,
                          .vectors = inputs.vectors,
                          .labels = labels,
                          .weights = weights,
                          .shares = shares,
                          .samples = samples,
                          .scalars = scalars,
                          .size = shard.size()},
                         gradients, stream_, [&](std::size_t ready) {
                           for (; next < buckets.size() && buckets[next].end <= ready; ++next)
                             reducer_->bucket_ready(shard.index, next, stream_);
                         });
  expect_contract(next == buckets.size(), "backward names all elements of the gradient buffer in the end");
}

StepResult CudaStepEngine::finish() {
  expect_contract(finished_ < begun_, "only a step that has begun is finished");
  const Slot& slot = slots_[finished_ % slots_.size()];
  reducer_->wait(slot.results.get());
  ++finished_;
  const StepReport& report = slot.report[0];
  const double norm = std::sqrt(report.gradient_squares) / static_cast<double>(slot.samples);
  if (report.verdict == Verdict::good) optimizer_.count();
  return {.loss_sum = report.loss,
          .correct = report.correct,
          .top = report.top,
          .gradient_norm = norm,
          .verdict = report.verdict,
          .bad_segment = report.bad_segment};
}

void CudaStepEngine::download() {
  expect_contract(finished_ == begun_, "arenas are read when no step is under way");
  replica_.download();
  optimizer_.download(replica_.stream());
}

void CudaStepEngine::upload() {
  expect_contract(finished_ == begun_, "arenas are written when no step is under way");
  replica_.upload();
  optimizer_.upload(replica_.stream());
}

}  // namespace annulus::trainer::cuda

namespace annulus::trainer {
namespace {

/// The fewest shards a step, more than now, with which the GPU was seen to have room for a whole step; 0 when
/// there are none. The replica is of no use afterwards.
std::int64_t fitting_shards(const CudaStepParts& parts, std::size_t mark) {
  Config config = parts.config;
  comm::ReducerOptions reducer = parts.reducer;
  for (std::int64_t shards = 2 * config.batch.shards; config.batch.size % shards == 0; shards *= 2) {
    config.batch.shards = reducer.shards = shards;
    try {
      cuda::checked(parts.replica).model().compile_smaller(config.batch.size / shards);
      const cuda::CudaStepEngine trial({.config = config,
                                        .replica = parts.replica,
                                        .state = parts.state,
                                        .group = parts.group,
                                        .reducer = reducer,
                                        .training = parts.training});
      return shards;
    } catch (const comm::OutOfDeviceMemory&) {
      parts.group.work().release_since(mark);
    }
  }
  return 0;
}

}  // namespace

std::unique_ptr<StepEngine> make_cuda_step_engine(const CudaStepParts& parts) {
  const std::size_t mark = parts.group.work().allocations();
  std::string message;
  try {
    return std::make_unique<cuda::CudaStepEngine>(parts);
  } catch (const comm::OutOfDeviceMemory& error) {
    message = error.what();
  }
  parts.group.work().release_since(mark);
  const BatchConfig& batch = parts.config.batch;
  const std::int64_t shards = fitting_shards(parts, mark);
  if (shards > 0)
    throw RuntimeError(
        "{} Shards of {} images leave no room for that, shards of {} do: set batch.shards to {}.", message,
        batch.size / batch.shards, batch.size / shards, shards);
  throw RuntimeError(
      "{} No smaller shards were found that leave room for it. Set data.gpu_mb=0 (images stay on the host), device.precision=bfloat16, or use a smaller network.",
      message);
}

}  // namespace annulus::trainer
