// Copies between host and GPU around the model.
#include "trainer/backend/cuda/cuda_replica.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/cuda/out_of_device_memory.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/backend/cuda/batch_prediction.hpp"
#include "trainer/backend/cuda/steps/kernel_account.hpp"
#include "trainer/backend/cuda/steps/libraries.hpp"

namespace annulus::trainer::cuda {
namespace {

std::int64_t predict_samples(const CompileOptions& options) {
  return options.predict_samples > 0 ? options.predict_samples : options.shard_samples;
}

template <class T>
comm::DeviceBuffer<T> on_device(std::span<const T> values, const comm::Stream& stream) {
  comm::DeviceBuffer<T> buffer(values.size(), "a shard from the host");
  if (!values.empty()) comm::copy_to_device(buffer.get(), values, stream.get());
  return buffer;
}

}  // namespace

CudaReplica::CudaReplica(const Network& network, const CompileOptions& options, Precision precision)
    : model_(network, options, precision),
      workers_(1),
      parameters_(model_.layout().trainable_count, "the parameters' mirror"),
      statistics_(model_.layout().statistics_count, "the moving averages' mirror") {
  const std::int64_t predicted = predict_samples(options);
  const std::int64_t most = std::max(options.shard_samples, predicted);
  images_ = {static_cast<std::size_t>(most * network.input.size()), "images to predict"};
  vectors_ = {static_cast<std::size_t>(most * total_length(network.vectors)), "vectors beside the images"};
  probabilities_ = {static_cast<std::size_t>(predicted * network.classes()), "probabilities"};
  model_.prepare_predict(predicted);  // now, or a full GPU shows only after the first epoch
  std::ranges::fill(parameters_.span(), 0.0f);
  std::ranges::fill(statistics_.span(), 0.0f);
  upload();
}

void CudaReplica::upload() {
  if (parameters_.size() > 0)
    comm::copy_to_device(model_.parameters(), std::span<const float>(parameters_.span()), stream_.get());
  if (statistics_.size() > 0)
    comm::copy_to_device(model_.statistics(), std::span<const float>(statistics_.span()), stream_.get());
  model_.parameters_changed(stream_.get());
  stream_.synchronize();
}

void CudaReplica::download() {
  if (parameters_.size() > 0) comm::copy_to_host(parameters_.span(), model_.parameters(), stream_.get());
  if (statistics_.size() > 0) comm::copy_to_host(statistics_.span(), model_.statistics(), stream_.get());
  stream_.synchronize();
}

const float* CudaReplica::send_images(std::span<const float> images) {
  expect_contract(images.size() <= images_.size(), "at most as many images as the replica is compiled for");
  if (!images.empty()) comm::copy_to_device(images_.get(), images, stream_.get());
  return images_.get();
}

const float* CudaReplica::send_vectors(std::span<const float> vectors, std::int64_t samples) {
  const auto count = static_cast<std::size_t>(samples * total_length(network().vectors));
  expect_contract(count <= vectors.size() && count <= vectors_.size(),
                  "every sample has the network's vectors, and there are not too many samples");
  if (count > 0) comm::copy_to_device(vectors_.get(), vectors.first(count), stream_.get());
  return vectors_.get();
}

void CudaReplica::train(const io::Batch& batch, comm::GradientReducer& reducer) {
  if (gradients_.size() == 0) gradients_ = {gradient_elements(layout()), "gradients"};
  for (const io::Shard& shard : batch.shards) {
    train_shard(batch, shard, reducer);
    reducer.progress();
  }
}

void CudaReplica::train_shard(const io::Batch& batch, const io::Shard& shard,
                              comm::GradientReducer& reducer) {
  const std::span<float> gradients = reducer.begin_shard(shard.index);
  const StepScalars scalars{.epoch = static_cast<std::uint32_t>(batch.epoch),
                            .samples = static_cast<std::int32_t>(batch.samples)};
  const auto labels = on_device(shard.labels, stream_);
  const auto weights = on_device(shard.weights, stream_);
  const auto shares = on_device(shard.shares, stream_);
  const auto samples = on_device(shard.samples, stream_);
  const auto on_gpu = on_device(std::span<const StepScalars>(&scalars, 1), stream_);
  model_.train({.images = send_images(shard.images),
                .vectors = send_vectors(shard.vectors, shard.size()),
                .labels = labels.get(),
                .weights = shard.weights.empty() ? nullptr : weights.get(),
                .shares = shard.shares.empty() ? nullptr : shares.get(),
                .samples = samples.get(),
                .scalars = on_gpu.get(),
                .size = shard.size()},
               gradients_.get(), stream_.get(), [](std::size_t) {});
  comm::copy_to_host(gradients, gradients_.get(), stream_.get());
  stream_.synchronize();
  for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket)
    reducer.bucket_ready(shard.index, bucket);
}

void CudaReplica::predict(const PredictBlock& block) {
  expect_contract(static_cast<std::size_t>(block.samples * network().classes()) == block.probabilities.size(),
                  "a prediction has room for every class of every image");
  expect_contract(block.probabilities.size() <= probabilities_.size(),
                  "at most predict_samples images at once");
  if (block.samples == 0) return;
  model_.predict({.images = send_images(block.images),
                  .vectors = send_vectors(block.vectors, block.samples),
                  .size = block.samples,
                  .probabilities = probabilities_.get()},
                 stream_.get());
  comm::copy_to_host(block.probabilities, probabilities_.get(), stream_.get());
  stream_.synchronize();
}

std::unique_ptr<BatchPredictor> CudaReplica::make_predictor(const PredictorOptions& options) {
  const io::AugmentationOptions& augmentation = options.generator.augmentation();
  if (augmentation != io::evaluation_options(augmentation)) return nullptr;
  expect_contract(options.block_samples <= model_.options().predict_samples &&
                      options.generator.output_shape().size() == network().input.size(),
                  "an evaluation has blocks and images that the replica is compiled for");
  return std::make_unique<BatchPrediction>(model_, stream_, images_.get(), options);
}

/// Libraries choose kernels by what is here, and by whether the GPU has room for them.
Machine CudaReplica::machine() const {
  int device = 0;
  cudaDeviceProp properties{};
  ANNULUS_CHECK_CUDA(cudaGetDevice(&device));
  ANNULUS_CHECK_CUDA(cudaGetDeviceProperties(&properties, device));
  return {.processor = fmt::format("{} (compute capability {}.{}, {} multiprocessors)", properties.name,
                                   properties.major, properties.minor, properties.multiProcessorCount),
          .instructions = "",
          .libraries = library_versions(),
          .kernels = model_.account().choices()};
}

std::string CudaReplica::describe() const {
  int device = 0;
  cudaDeviceProp properties{};
  ANNULUS_CHECK_CUDA(cudaGetDevice(&device));
  ANNULUS_CHECK_CUDA(cudaGetDeviceProperties(&properties, device));
  return fmt::format("{}: GPU {} ({}, compute capability {}.{}, {:.0f} GB), {}", kind(), device,
                     properties.name, properties.major, properties.minor,
                     static_cast<double>(properties.totalGlobalMem) / 1e9, model_.describe());
}

namespace {

/// The largest smaller shard that the GPU was seen to have room for, with its gradients; 0 when not even one
/// sample fits.
std::int64_t fitting_shard(const Network& network, CompileOptions options, Precision precision) {
  while (options.shard_samples > 1) {
    options.shard_samples /= 2;
    options.predict_samples = std::min(options.predict_samples, options.shard_samples);
    try {
      const CudaReplica trial(network, options, precision);
      const comm::DeviceBuffer<float> gradients(gradient_elements(trial.layout()), "gradients of a shard");
      return options.shard_samples;
    } catch (const comm::OutOfDeviceMemory&) {
      continue;  // smaller still
    }
  }
  return 0;
}

}  // namespace
}  // namespace annulus::trainer::cuda

namespace annulus::trainer {

std::unique_ptr<Replica> make_cuda_replica(const Network& network, const CompileOptions& options,
                                           Precision precision) {
  std::string message;
  try {
    auto replica = std::make_unique<cuda::CudaReplica>(network, options, precision);
    log_info("kernels: {}", replica->model().account().text());
    return replica;
  } catch (const comm::OutOfDeviceMemory& error) {
    message = error.what();
  }
  const std::int64_t fits = cuda::fitting_shard(network, options, precision);
  if (fits == 0)
    throw RuntimeError("{} Not even a shard of one image fits this GPU: use a smaller network or input.",
                       message);
  throw RuntimeError(
      "{} Shards of {} images do not fit this GPU beside what is on it, shards of {} do: raise batch.shards (or lower batch.size) until batch.size / batch.shards is at most that.",
      message, options.shard_samples, fits);
}

KernelCounts kernel_counts(const Replica& replica) {
  const auto* const mine = dynamic_cast<const cuda::CudaReplica*>(&replica);
  return mine == nullptr ? KernelCounts{} : mine->model().account().counts();
}

}  // namespace annulus::trainer
