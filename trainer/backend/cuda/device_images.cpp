// Sizes are decided once; a step only copies and launches.
#include "trainer/backend/cuda/device_images.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/log.hpp"

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
      shard_samples_(options.shard_samples),
      owned_shards_(options.owned_shards),
      scale_(on_device(setup_.scale, copies_)),
      offset_(on_device(setup_.offset, copies_)) {
  const auto n = static_cast<std::size_t>(shard_samples_);
  images_ = {n * static_cast<std::size_t>(source_.shape.size()), "the images of a shard"};
  if (setup_.augments) plans_ = {n, "augmentation plans"};
  if (setup_.scale.empty()) {
    sums_ = {2 * n * kImageLanes, "normalisation of each image"};
    maps_ = {2 * n, "normalisation of each image"};
  }
  const std::size_t bytes = source_.samples * (image_bytes_ + sizeof(std::int32_t));
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
  pixels_ = {source_.samples * image_bytes_, "the training images (data.gpu_mb=0 leaves them on the host)"};
  labels_ = {source_.samples, "the training labels"};
  constexpr std::size_t kReadBytes = 64 << 20;
  const std::uint64_t rows = std::clamp<std::uint64_t>(kReadBytes / image_bytes_, 1, source_.samples);
  const comm::PinnedBuffer<std::byte> pixels(rows * image_bytes_, "reading the training images");
  const comm::PinnedBuffer<std::int32_t> labels(rows, "reading the training labels");
  std::vector<std::uint64_t> numbers(rows);
  for (std::uint64_t first = 0; first < source_.samples; first += rows) {
    const std::uint64_t count = std::min(rows, source_.samples - first);
    std::iota(numbers.begin(), numbers.end(), first);
    source.read(std::span(numbers).first(count),
                {pixels.span().first(count * image_bytes_), labels.span().first(count)});
    comm::copy_to_device(pixels_.get() + first * image_bytes_,
                         std::span<const std::byte>(pixels.span().first(count * image_bytes_)),
                         copies_.get());
    comm::copy_to_device(labels_.get() + first, std::span<const std::int32_t>(labels.span().first(count)),
                         copies_.get());
    copies_.synchronize();
  }
}

void DeviceImages::make_staging() {
  const std::size_t bytes = static_cast<std::size_t>(shard_samples_ * owned_shards_) * image_bytes_;
  pixels_ = {bytes, "the pixels of a step"};
  for (auto& place : staging_) place = {bytes, "the pixels of the next step"};
}

io::BatchContent DeviceImages::content() const {
  return resident_ ? io::BatchContent::numbers : io::BatchContent::pixels;
}

io::BatchMemory DeviceImages::batch_memory() const {
  if (resident_) return {};
  return [](std::size_t bytes) {
    return std::shared_ptr<std::byte>(
        static_cast<std::byte*>(comm::allocate_pinned(bytes, "batches of the loader")), comm::PinnedDelete{});
  };
}

/// The copy from the host runs on a stream of its own while `compute` still works on the step before; the
/// short one on the GPU gives every step the same addresses, as a captured graph wants them.
void DeviceImages::send(const io::Batch& batch, cudaStream_t compute) {
  if (resident_) return;
  std::byte* const place = staging_[next_staging_].get();
  next_staging_ = 1 - next_staging_;
  if (!batch.pixels.empty()) comm::copy_to_device(place, batch.pixels, copies_.get());
  sent_.record(copies_.get());
  comm::stream_wait(compute, sent_);
  if (!batch.pixels.empty()) comm::copy_on_device(pixels_.get(), place, batch.pixels.size(), compute);
}

void DeviceImages::wait_sent() const {
  if (!resident_) sent_.synchronize();
}

const float* DeviceImages::enqueue_shard(const ShardPlace& shard, cudaStream_t compute) {
  if (resident_) enqueue(GatherLabelsCall{{labels_.get(), shard.samples, shard.labels}, shard.size}, compute);
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
                           .maps = maps_.get(),
                           .output = images_.get(),
                           .n = shard.size},
          compute);
  return images_.get();
}

}  // namespace annulus::trainer::cuda
