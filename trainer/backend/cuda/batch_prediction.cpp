// What is planned once, and what each batch enqueues.
#include "trainer/backend/cuda/batch_prediction.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/step_calls.hpp"

namespace annulus::trainer::cuda {
namespace {

comm::DeviceBuffer<float> on_device(const std::vector<float>& values, const comm::Stream& stream) {
  comm::DeviceBuffer<float> buffer(values.size(), "normalisation");
  if (!values.empty()) comm::copy_to_device(buffer.get(), std::span<const float>(values), stream.get());
  stream.synchronize();
  return buffer;
}

}  // namespace

BatchPrediction::BatchPrediction(DeviceModel& model, const comm::Stream& stream, float* images,
                                 const PredictorOptions& options)
    : model_(model),
      stream_(stream),
      images_(images),
      setup_(set_up_augmentation(options.source, {.augmentation = options.generator.augmentation(),
                                                  .normalisation = options.generator.normalisation()})),
      pixel_type_(options.source.pixels),
      image_bytes_(static_cast<std::size_t>(options.source.shape.size()) * io::size_of(pixel_type_)),
      row_floats_(static_cast<std::size_t>(total_length(options.source.vectors))),
      classes_(static_cast<std::size_t>(model.network().classes())),
      scale_(on_device(setup_.scale, stream)),
      offset_(on_device(setup_.offset, stream)) {
  const io::AugmentationOptions& augmentation = options.generator.augmentation();
  expect_contract(augmentation == io::evaluation_options(augmentation),
                  "images of an evaluation are cropped and normalised, and nothing is random");
  constexpr const char* kBlock = "a block of an evaluation (batch.evaluation says how large blocks are)";
  const auto n = static_cast<std::size_t>(options.block_samples);
  const std::size_t most = n * static_cast<std::size_t>(options.owned_shards);
  pixels_ = {n * image_bytes_, kBlock};
  if (setup_.augments) plans_ = {n, kBlock};
  vectors_ = {n * row_floats_, kBlock};
  if (setup_.scale.empty()) {
    sums_ = {2 * n * kImageLanes, kBlock};
    maps_ = {2 * n, kBlock};
  }
  probabilities_ = {most * classes_, kBlock};
  results_ = {most * classes_, kBlock};
}

io::BatchMemory BatchPrediction::batch_memory() const {
  return [](std::size_t bytes) {
    return std::shared_ptr<std::byte>(
        static_cast<std::byte*>(comm::allocate_pinned(bytes, "batches of the loader")), comm::PinnedHeap{});
  };
}

void BatchPrediction::predict(const io::Batch& batch, std::span<const PredictBlock> blocks) {
  std::int64_t samples = 0;
  for (const PredictBlock& block : blocks) {
    enqueue_block(batch, samples, block.samples);
    samples += block.samples;
  }
  const std::size_t values = static_cast<std::size_t>(samples) * classes_;
  expect_contract(values <= results_.size(), "a batch has as many shards as the predictor was made for");
  if (samples == 0) return;
  comm::copy_to_host(results_.span().first(values), probabilities_.get(), stream_.get());
  stream_.synchronize();
  const float* from = results_.get();
  for (const PredictBlock& block : blocks) {
    std::copy_n(from, block.probabilities.size(), block.probabilities.begin());
    from += block.probabilities.size();
  }
}

/// @param first  number of the block's first sample within the batch
void BatchPrediction::enqueue_block(const io::Batch& batch, std::int64_t first, std::int64_t count) {
  const auto begin = static_cast<std::size_t>(first), n = static_cast<std::size_t>(count);
  expect_contract(n * image_bytes_ <= pixels_.size() && (begin + n) * classes_ <= probabilities_.size(),
                  "a batch has blocks as the predictor was made for");
  comm::copy_to_device(pixels_.get(), batch.pixels.subspan(begin * image_bytes_, n * image_bytes_),
                       stream_.get());
  if (row_floats_ > 0)
    comm::copy_to_device(vectors_.get(), batch.vectors.subspan(begin * row_floats_, n * row_floats_),
                         stream_.get());
  enqueue_images(count);
  model_.predict({.images = images_,
                  .vectors = vectors_.get(),
                  .size = count,
                  .probabilities = probabilities_.get() + begin * classes_},
                 stream_.get());
}

void BatchPrediction::enqueue_images(std::int64_t count) {
  enqueue(AugmentationCall{.constants = setup_.constants,
                           .pixel_type = pixel_type_,
                           .pixels = pixels_.get(),
                           .plans = plans_.get(),
                           .scale = scale_.get(),
                           .offset = offset_.get(),
                           .sums = sums_.get(),
                           .maps = maps_.get(),
                           .output = images_,
                           .n = count},
          stream_.get());
}

}  // namespace annulus::trainer::cuda
