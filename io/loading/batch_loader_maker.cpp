// One read for all owned shards, then every image by whichever thread is free: the result does not know
// which.
#include "io/loading/batch_loader_maker.hpp"

#include <algorithm>
#include <new>

#include "base/draw_key.hpp"
#include "io/augmentation/mixup.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kImagesPerChunk = 4;    // handed to a helper at a time
constexpr std::size_t kValuesPerPart = 4096;  // of each image of a shard, mixed at a time

std::shared_ptr<std::byte> memory_of(const BatchMemory& memory, std::size_t bytes) {
  if (memory) return memory(bytes);
  constexpr std::align_val_t kAlignment{kBatchAlignment};
  return {static_cast<std::byte*>(::operator new(bytes, kAlignment)),
          [](std::byte* data) { ::operator delete(data, kAlignment); }};
}

}  // namespace

BatchMaker::BatchMaker(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                       const LoaderOptions& options)
    : source_(source),
      sampler_(sampler),
      generator_(generator),
      options_(options),
      pool_(options.threads),
      shard_size_(static_cast<std::size_t>(sampler.options().batch / sampler.options().shards)),
      image_size_(static_cast<std::size_t>(generator.output_shape().size())),
      image_bytes_(static_cast<std::size_t>(source.info().shape.size()) * size_of(source.info().pixels)),
      vector_floats_(static_cast<std::size_t>(total_length(source.info().vectors))) {
  constexpr std::size_t kFloats = kBatchAlignment / sizeof(float);
  shard_stride_ = (shard_size_ * image_size_ + kFloats - 1) / kFloats * kFloats;
}

void BatchMaker::allocate(BatchBuffer& buffer) const {
  const auto shards = static_cast<std::size_t>(options_.owned_shards);
  const std::size_t samples = shards * shard_size_;
  if (options_.content == BatchContent::images)
    buffer.memory = memory_of(options_.memory, shards * shard_stride_ * sizeof(float));
  if (options_.content == BatchContent::pixels)
    buffer.memory = memory_of(options_.memory, samples * image_bytes_);
  if (options_.content != BatchContent::numbers && vector_floats_ > 0)
    buffer.vectors = memory_of(options_.memory, samples * vector_floats_ * sizeof(float));
  buffer.samples.reserve(samples);
  buffer.keys.reserve(samples);
  buffer.labels.reserve(samples);
  if (weighs()) buffer.weights.reserve(samples);
  if (generator_.mixes()) buffer.shares.reserve(samples);
  buffer.outputs.reserve(samples);
}

void BatchMaker::make(Position position, BatchBuffer& buffer) {
  lay_out(position, buffer);
  announce_draws(position.epoch);
  if (!buffer.samples.empty()) fill(buffer);
  buffer.batch.read = source_.read_counts();
}

/// A reader keeps what it has unpacked until the last draw of it.
void BatchMaker::announce_draws(std::uint64_t epoch) {
  if (sampler_.options().draws == nullptr || announced_ == epoch) return;
  source_.expect_rows(sampler_.drawn(epoch));
  announced_ = epoch;
}

void BatchMaker::fill(BatchBuffer& buffer) {
  if (options_.content == BatchContent::images) make_images(buffer);
  if (options_.content == BatchContent::pixels)
    source_.read(
        buffer.samples,
        {{buffer.memory.get(), buffer.samples.size() * image_bytes_}, buffer.labels, vectors_of(buffer)});
}

/// (samples of the batch, vector_floats_).
std::span<float> BatchMaker::vectors_of(const BatchBuffer& buffer) const {
  if (buffer.vectors == nullptr) return {};
  return {reinterpret_cast<float*>(buffer.vectors.get()), buffer.samples.size() * vector_floats_};
}

void BatchMaker::make_images(BatchBuffer& buffer) {
  raw_.resize(buffer.samples.size() * image_bytes_);
  source_.read(buffer.samples, {raw_, buffer.labels, vectors_of(buffer)});
  const std::span<const std::byte> raw(raw_);
  const std::uint64_t epoch = buffer.batch.epoch;
  pool_.for_chunks(buffer.samples.size(), kImagesPerChunk, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      generator_.make(raw.subspan(i * image_bytes_, image_bytes_), epoch, buffer.keys[i], options_.layout,
                      {buffer.outputs[i], image_size_});
  });
  if (generator_.mixes()) mix(buffer);
}

/// Parts of the values of each shard are shared out: a thread mixes a part of all its images.
void BatchMaker::mix(const BatchBuffer& buffer) {
  const std::size_t parts = (image_size_ + kValuesPerPart - 1) / kValuesPerPart;
  const std::vector<Shard>& shards = buffer.batch.shards;
  pool_.for_chunks(shards.size() * parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t number = i / parts, first = i % parts * kValuesPerPart;
      const std::span<const float> shares = shards[number].shares;
      auto* const images = reinterpret_cast<float*>(buffer.memory.get()) + number * shard_stride_;
      mix_rows(shares, {images, shares.size() * image_size_}, image_size_,
               {first, std::min(first + kValuesPerPart, image_size_)});
    }
  });
  std::size_t row = 0;
  for (const Shard& shard : shards) {
    mix_rows(shard.shares, vectors_of(buffer).subspan(row, shard.shares.size() * vector_floats_),
             vector_floats_, {0, vector_floats_});
    row += shard.shares.size() * vector_floats_;
  }
}

/// Decides sample numbers and places of every owned shard.
void BatchMaker::lay_out(Position position, BatchBuffer& buffer) const {
  const auto shards = static_cast<std::size_t>(options_.owned_shards);
  const bool images = options_.content == BatchContent::images;
  float* const output = images ? reinterpret_cast<float*>(buffer.memory.get()) : nullptr;
  buffer.keys.clear();
  buffer.outputs.clear();
  std::vector<std::size_t> sizes;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto index = options_.first_shard + static_cast<std::int64_t>(shard);
    const auto items = sampler_.shard_samples(position.epoch, position.step, index);
    for (std::size_t i = 0; images && i < items.size(); ++i)
      buffer.outputs.push_back(output + shard * shard_stride_ + i * image_size_);
    buffer.keys.insert(buffer.keys.end(), items.begin(), items.end());
    sizes.push_back(items.size());
  }
  buffer.samples = buffer.keys;
  if (sampler_.options().draws != nullptr)
    std::ranges::transform(buffer.keys, buffer.samples.begin(), sample_of);
  buffer.labels.resize(options_.content == BatchContent::numbers ? 0 : buffer.samples.size());
  describe(position, sizes, buffer);
}

void BatchMaker::describe(Position position, const std::vector<std::size_t>& sizes,
                          BatchBuffer& buffer) const {
  Batch& batch = buffer.batch;
  batch.epoch = position.epoch;
  batch.step = position.step;
  batch.samples = sampler_.samples_in_step(position.step);
  batch.shards.clear();
  const bool images = options_.content == BatchContent::images;
  const bool labels = options_.content != BatchContent::numbers;
  const auto* const output = reinterpret_cast<const float*>(buffer.memory.get());
  batch.vectors = vectors_of(buffer);
  std::size_t first = 0;
  for (std::size_t shard = 0; shard < sizes.size(); ++shard) {
    const std::size_t count = sizes[shard];
    Shard made{.index = options_.first_shard + static_cast<std::int64_t>(shard),
               .samples = std::span(buffer.keys).subspan(first, count)};
    if (images) made.images = {output + shard * shard_stride_, count * image_size_};
    if (labels) made.labels = std::span(buffer.labels).subspan(first, count);
    if (!batch.vectors.empty())
      made.vectors = batch.vectors.subspan(first * vector_floats_, count * vector_floats_);
    batch.shards.push_back(made);
    first += count;
  }
  add_factors(buffer);
  if (options_.content == BatchContent::pixels) batch.pixels = {buffer.memory.get(), first * image_bytes_};
}

bool BatchMaker::weighs() const {
  return options_.weights == SampleWeights::factors && !source_.all_weights().empty();
}

/// Weights and shares, which do not lie with the pixels: whoever makes the images, they come along.
void BatchMaker::add_factors(BatchBuffer& buffer) const {
  const std::size_t samples = buffer.samples.size();
  const std::span<const float> weights = source_.all_weights();
  buffer.weights.resize(weighs() ? samples : 0);
  buffer.shares.resize(generator_.mixes() ? samples : 0);
  for (std::size_t i = 0; i < buffer.weights.size(); ++i) buffer.weights[i] = weights[buffer.samples[i]];
  std::size_t first = 0;
  for (Shard& shard : buffer.batch.shards) {
    if (weighs()) shard.weights = std::span(buffer.weights).subspan(first, shard.samples.size());
    if (generator_.mixes()) {
      const auto shares = std::span(buffer.shares).subspan(first, shard.samples.size());
      generator_.draw_shares(buffer.batch.epoch, shard.samples, shares);
      shard.shares = shares;
    }
    first += shard.samples.size();
  }
}

}  // namespace annulus::io
