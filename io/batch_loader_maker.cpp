// One read for all owned shards, then every image by whichever thread is free: the result does not know
// which.
#include "io/batch_loader_maker.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kImagesPerChunk = 4;  // handed to a helper at a time

}  // namespace

BatchMaker::BatchMaker(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                       const LoaderOptions& options)
    : source_(source),
      sampler_(sampler),
      generator_(generator),
      options_(options),
      pool_(options.threads),
      shard_size_(static_cast<std::size_t>(sampler.options().batch / sampler.options().shards)),
      image_size_(static_cast<std::size_t>(source.info().shape.size())),
      image_bytes_(image_size_ * size_of(source.info().pixels)) {
  constexpr std::size_t kFloats = kBatchAlignment / sizeof(float);
  shard_stride_ = (shard_size_ * image_size_ + kFloats - 1) / kFloats * kFloats;
}

void BatchMaker::make(Position position, BatchBuffer& buffer) {
  lay_out(position, buffer);
  if (buffer.samples.empty()) return;
  raw_.resize(buffer.samples.size() * image_bytes_);
  source_.read(buffer.samples, raw_, buffer.labels);
  const std::span<const std::byte> raw(raw_);
  pool_.for_chunks(buffer.samples.size(), kImagesPerChunk, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      generator_.make(raw.subspan(i * image_bytes_, image_bytes_), position.epoch, buffer.samples[i],
                      options_.layout, {buffer.outputs[i], image_size_});
  });
}

void BatchMaker::allocate(BatchBuffer& buffer) const {
  const auto shards = static_cast<std::size_t>(options_.owned_shards);
  buffer.images.reset(static_cast<float*>(
      ::operator new (shards* shard_stride_ * sizeof(float), std::align_val_t{kBatchAlignment})));
  buffer.samples.reserve(shards * shard_size_);
  buffer.labels.reserve(shards * shard_size_);
  buffer.outputs.reserve(shards * shard_size_);
}

/// Decides sample numbers and places of every owned shard.
void BatchMaker::lay_out(Position position, BatchBuffer& buffer) const {
  if (!buffer.images) allocate(buffer);
  const auto shards = static_cast<std::size_t>(options_.owned_shards);
  buffer.samples.clear();
  buffer.outputs.clear();
  std::vector<std::size_t> sizes;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto index = options_.first_shard + static_cast<std::int64_t>(shard);
    const auto items = sampler_.shard_samples(position.epoch, position.step, index);
    for (std::size_t i = 0; i < items.size(); ++i)
      buffer.outputs.push_back(buffer.images.get() + shard * shard_stride_ + i * image_size_);
    buffer.samples.insert(buffer.samples.end(), items.begin(), items.end());
    sizes.push_back(items.size());
  }
  buffer.labels.resize(buffer.samples.size());
  describe(position, sizes, buffer);
}

void BatchMaker::describe(Position position, const std::vector<std::size_t>& sizes,
                          BatchBuffer& buffer) const {
  Batch& batch = buffer.batch;
  batch.epoch = position.epoch;
  batch.step = position.step;
  batch.samples = sampler_.samples_in_step(position.step);
  batch.shards.clear();
  std::size_t first = 0;
  for (std::size_t shard = 0; shard < sizes.size(); ++shard) {
    const std::size_t count = sizes[shard];
    batch.shards.push_back({.index = options_.first_shard + static_cast<std::int64_t>(shard),
                            .images = {buffer.images.get() + shard * shard_stride_, count * image_size_},
                            .labels = std::span(buffer.labels).subspan(first, count),
                            .samples = std::span(buffer.samples).subspan(first, count)});
    first += count;
  }
}

}  // namespace annulus::io
