// Sizes are decided once; a step only copies and launches.
#include "trainer/backend/cuda/device_images.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/log.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"

namespace annulus::trainer::cuda {
namespace {

template <class T>
comm::DeviceBuffer<T> on_device(const std::vector<T>& values, const comm::Stream& stream) {
  comm::DeviceBuffer<T> buffer(values.size(), "normalisation");
  if (!values.empty()) comm::copy_to_device(buffer.get(), std::span<const T>(values), stream.get());
  stream.synchronize();
  return buffer;
}

bool fits(std::size_t bytes, std::int64_t resident_mb) {
  if (resident_mb >= 0) return bytes <= static_cast<std::size_t>(resident_mb) << 20;
  return bytes <= comm::device_memory().free / 2;  // the rest is for gradients and other shard sizes
}

}  // namespace

DeviceImages::DeviceImages(const DeviceImagesOptions& options)
    : setup_(set_up_augmentation(options.source.info(), options.images)),
      source_(options.source.info()),
      image_bytes_(static_cast<std::size_t>(source_.shape.size()) * io::size_of(source_.pixels)),
      row_floats_(static_cast<std::size_t>(total_length(source_.vectors))),
      shard_samples_(options.shard_samples),
      owned_shards_(options.owned_shards),
      scale_(on_device(setup_.scale, copies_)),
      offset_(on_device(setup_.offset, copies_)) {
  const auto n = static_cast<std::size_t>(shard_samples_);
  images_ = {n * static_cast<std::size_t>(setup_.constants.output.size()), "the images of a shard"};
  if (setup_.constants.options.mixup != 0) {
    mixed_ = {images_.size(), "mixtures of images"};
    mixed_vectors_ = {n * row_floats_, "mixtures of vectors"};
  }
  if (setup_.augments) plans_ = {n, "augmentation plans"};
  if (options.images.augmentation.channel_shift_clip == io::ShiftClip::image)
    ranges_ = {2 * n * kRangeLanes, "the range of each image"};
  if (setup_.scale.empty()) {
    sums_ = {2 * n * kImageLanes, "normalisation of each image"};
    maps_ = {2 * n, "normalisation of each image"};
  }
  const std::size_t bytes = source_.samples * (io::sample_bytes(source_) + sizeof(std::int32_t));
  resident_ = !source_.endless && fits(bytes, options.resident_mb);
  if (resident_)
    load_all(options.source);
  else
    make_staging();
  log_info(
      "{}: {:.1f} MB, {}", source_.name, static_cast<double>(bytes) / 1e6,
      resident_ ? "kept on the GPU" : "sent to the GPU batch by batch (data.gpu_mb says what it may keep)");
}

void DeviceImages::load_all(io::SampleSource& source) {
  constexpr const char* kAdvice = "the training images (data.gpu_mb=0 leaves them on the host)";
  pixels_ = {source_.samples * image_bytes_, kAdvice};
  vectors_ = {source_.samples * row_floats_, kAdvice};
  labels_ = {source_.samples, "the training labels"};
  shard_vectors_ = {static_cast<std::size_t>(shard_samples_) * row_floats_, "the vectors of a shard"};
  constexpr std::size_t kReadBytes = 64 << 20;
  const std::uint64_t rows =
      std::clamp<std::uint64_t>(kReadBytes / io::sample_bytes(source_), 1, source_.samples);
  constexpr const char* kPurpose = "reading the training images";
  const ReadingPlace place{.pixels = {rows * image_bytes_, kPurpose},
                           .vectors = {rows * row_floats_, kPurpose},
                           .labels = {rows, kPurpose}};
  for (std::uint64_t first = 0; first < source_.samples; first += rows)
    load(source, place, {first, std::min(source_.samples, first + rows)});
}

void DeviceImages::load(io::SampleSource& source, const ReadingPlace& place, SampleRange range) {
  const std::size_t count = range.end - range.begin;
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), range.begin);
  const auto pixels = place.pixels.span().first(count * image_bytes_);
  const auto vectors = place.vectors.span().first(count * row_floats_);
  const auto labels = place.labels.span().first(count);
  source.read(numbers, {pixels, labels, vectors});
  comm::copy_to_device(pixels_.get() + range.begin * image_bytes_, std::span<const std::byte>(pixels),
                       copies_.get());
  if (!vectors.empty())
    comm::copy_to_device(vectors_.get() + range.begin * row_floats_, std::span<const float>(vectors),
                         copies_.get());
  comm::copy_to_device(labels_.get() + range.begin, std::span<const std::int32_t>(labels), copies_.get());
  copies_.synchronize();
}

void DeviceImages::make_staging() {
  const auto samples = static_cast<std::size_t>(shard_samples_ * owned_shards_);
  pixels_ = {samples * image_bytes_, "the pixels of a step"};
  vectors_ = {samples * row_floats_, "the vectors of a step"};
  for (Staging& place : staging_) {
    place.pixels = {samples * image_bytes_, "the pixels of the next step"};
    place.vectors = {samples * row_floats_, "the vectors of the next step"};
  }
}

io::BatchContent DeviceImages::content() const {
  return resident_ ? io::BatchContent::numbers : io::BatchContent::pixels;
}

io::BatchMemory DeviceImages::batch_memory() const {
  if (resident_) return {};
  return [](std::size_t bytes) {
    return std::shared_ptr<std::byte>(
        static_cast<std::byte*>(comm::allocate_pinned(bytes, "batches of the loader")), comm::PinnedHeap{});
  };
}

/// The copy from the host runs on a stream of its own while `compute` still works on the step before; the
/// short one on the GPU gives every step the same addresses, as a captured graph wants them.
void DeviceImages::send(const io::Batch& batch, cudaStream_t compute) {
  if (resident_) return;
  const Staging& place = staging_[next_staging_];
  next_staging_ = 1 - next_staging_;
  if (!batch.pixels.empty()) comm::copy_to_device(place.pixels.get(), batch.pixels, copies_.get());
  if (!batch.vectors.empty()) comm::copy_to_device(place.vectors.get(), batch.vectors, copies_.get());
  sent_.record(copies_.get());
  comm::stream_wait(compute, sent_);
  if (!batch.pixels.empty())
    comm::copy_on_device(pixels_.get(), place.pixels.get(), batch.pixels.size(), compute);
  if (!batch.vectors.empty())
    comm::copy_on_device(vectors_.get(), place.vectors.get(), batch.vectors.size(), compute);
}

void DeviceImages::wait_sent() const {
  if (!resident_) sent_.synchronize();
}

const float* DeviceImages::enqueue_vectors(const ShardPlace& shard, cudaStream_t compute) {
  if (row_floats_ == 0) return nullptr;
  const float* const own = enqueue_own_vectors(shard, compute);
  if (shard.shares == nullptr) return own;
  enqueue(compute, MixRowsBody{.from = own,
                               .shares = shard.shares,
                               .to = mixed_vectors_.get(),
                               .length = static_cast<std::int64_t>(row_floats_),
                               .n = shard.size});
  return mixed_vectors_.get();
}

const float* DeviceImages::enqueue_own_vectors(const ShardPlace& shard, cudaStream_t compute) {
  if (!resident_) return vectors_.get() + static_cast<std::size_t>(shard.first) * row_floats_;
  enqueue(compute, GatherRowsBody{.all = vectors_.get(),
                                  .samples = shard.samples,
                                  .rows = shard_vectors_.get(),
                                  .length = static_cast<std::int32_t>(row_floats_),
                                  .count = shard.size});
  return shard_vectors_.get();
}

DeviceImages::ShardInputs DeviceImages::enqueue_shard(const ShardPlace& shard, cudaStream_t compute) {
  if (resident_)
    enqueue(compute,
            GatherLabelsBody{
                .all = labels_.get(), .samples = shard.samples, .labels = shard.labels, .n = shard.size});
  const std::size_t skipped = resident_ ? 0 : static_cast<std::size_t>(shard.first) * image_bytes_;
  enqueue(AugmentationCall{.constants = setup_.constants,
                           .pixel_type = source_.pixels,
                           .pixels = pixels_.get() + skipped,
                           .samples = shard.samples,
                           .by_number = resident_,
                           .scalars = shard.scalars,
                           .plans = plans_.get(),
                           .scale = scale_.get(),
                           .offset = offset_.get(),
                           .sums = sums_.get(),
                           .ranges = ranges_.get(),
                           .maps = maps_.get(),
                           .output = images_.get(),
                           .shares = shard.shares,
                           .mixed = mixed_.get(),
                           .n = shard.size},
          compute);
  return {shard.shares == nullptr ? images_.get() : mixed_.get(), enqueue_vectors(shard, compute)};
}

}  // namespace annulus::trainer::cuda
