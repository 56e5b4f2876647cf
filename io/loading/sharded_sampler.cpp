// Positions of a step -> sample numbers, in one of four orders: endless, as stored, shuffled sample by
// sample, shuffled chunk by chunk (chunk_order.cpp). None of them is stored. With draws (draws.hpp) it is
// these that are shuffled: draw 0, 1, ... of the first sample, then those of the second, and so on are the
// items that an order permutes. How often each sample is drawn is a table, made once an epoch.
#include "io/loading/sharded_sampler.hpp"

#include <algorithm>
#include <utility>

#include "base/draw_key.hpp"
#include "base/error.hpp"
#include "io/loading/chunk_order.hpp"

namespace annulus::io {

std::int64_t shuffle_streams(std::int64_t shards, std::uint64_t window_chunks) {
  std::int64_t streams = shards;
  while (shards % streams != 0 ||
         static_cast<std::uint64_t>(streams) > std::max<std::uint64_t>(window_chunks, 1))
    --streams;
  return streams;
}

ShardedSampler::ShardedSampler(const SamplerOptions& options) : options_(options) {
  if (options.shards < 1 || options.batch < 1 || options.batch % options.shards != 0)
    throw UsageError(
        "batch.size {} cannot be cut into batch.shards {}: every shard of a step has the same size, so both are positive and the second divides the first. Choose a batch size that is a multiple of the shards.",
        options.batch, options.shards);
  expect_contract(options.chunk >= 1 && options.window_chunks >= 1,
                  "a chunk holds at least one sample and a window at least one chunk");
  expect_contract(options.streams >= 1 && options.shards % options.streams == 0,
                  "every stream serves the same number of shards");
  expect_contract(options.rows == nullptr || options.rows->size() == options.samples,
                  "the samples of a part of a file are its rows");
  expect_contract(options.draws == nullptr || (options.shuffle && !options.endless),
                  "draws come in a shuffled order");
}

std::uint64_t ShardedSampler::steps_per_epoch() const {
  const auto batch = static_cast<std::uint64_t>(options_.batch);
  return options_.samples / batch + (options_.samples % batch == 0 ? 0 : 1);
}

std::int64_t ShardedSampler::samples_in_step(std::uint64_t step) const {
  if (step >= steps_per_epoch()) return 0;
  const auto batch = static_cast<std::uint64_t>(options_.batch);
  return static_cast<std::int64_t>(std::min(batch, options_.samples - step * batch));
}

std::vector<std::uint64_t> ShardedSampler::shard_samples(std::uint64_t epoch, std::uint64_t step,
                                                         std::int64_t shard) const {
  expect_contract(shard >= 0 && shard < options_.shards, "a shard number lies in [0, shards)");
  const std::int64_t size = options_.batch / options_.shards;
  // At the tail the shards keep their places and the last ones run dry: B = 8, V = 4, 5 samples left give
  // shards of 2, 2, 1 and 0. Sharing them out evenly would move samples between shards, and so change which
  // numbers are summed first.
  const std::int64_t in_step = samples_in_step(step);
  const std::int64_t begin = std::min(shard * size, in_step);
  const std::int64_t end = std::min(begin + size, in_step);
  std::vector<std::uint64_t> items;
  if (begin >= end) return items;
  const std::int64_t shards_of_one = options_.shards / options_.streams;
  const Stream stream = this->stream(shard / shards_of_one);
  // Every full step takes as many samples from each stream; inside it its shards follow each other.
  const std::int64_t first = static_cast<std::int64_t>(step) * size * shards_of_one +
                             (begin - shard / shards_of_one * size * shards_of_one);
  items.reserve(static_cast<std::size_t>(end - begin));
  const auto from = static_cast<std::uint64_t>(first);
  append(stream, epoch, from, from + static_cast<std::uint64_t>(end - begin), items);
  if (options_.draws != nullptr) name_draws(epoch, items);
  return items;
}

Stream ShardedSampler::stream(std::int64_t number) const {
  const auto index = static_cast<std::uint64_t>(number);
  const auto streams = static_cast<std::uint64_t>(options_.streams);
  const auto batch = static_cast<std::uint64_t>(options_.batch);
  const std::uint64_t in_step = batch / streams, full_steps = options_.samples / batch;
  // Its share of the full steps, and what the shards before it leave of the last one.
  const auto start = [&](std::uint64_t k) {
    return full_steps * in_step * k + std::min(in_step * k, options_.samples % batch);
  };
  return {index, start(index), start(index + 1), index * stream_window() / streams};
}

std::uint64_t ShardedSampler::stream_window() const {
  return std::max<std::uint64_t>(1, options_.window_chunks / static_cast<std::uint64_t>(options_.streams));
}

void ShardedSampler::append(const Stream& stream, std::uint64_t epoch, std::uint64_t from, std::uint64_t to,
                            std::vector<std::uint64_t>& items) const {
  const auto append_all = [&](const auto& sample_at) {
    for (std::uint64_t position = from; position < to; ++position) items.push_back(sample_at(position));
  };
  if (options_.endless)
    append_all([&](std::uint64_t position) { return epoch * options_.samples + stream.begin + position; });
  else if (!options_.shuffle)
    append_all([&](std::uint64_t position) { return stream.begin + position; });
  else if (options_.chunk == 1)
    append_all([&, order = Permutation(options_.seed, epoch, options_.samples)](std::uint64_t position) {
      return order(stream.begin + position);
    });
  else
    append_all(
        [&, &order = chunk_order(epoch)](std::uint64_t position) { return order.sample(stream, position); });
}

const ChunkOrder& ShardedSampler::chunk_order(std::uint64_t epoch) const {
  if (chunk_order_ != nullptr && chunk_order_->epoch() == epoch) return *chunk_order_;
  std::shared_ptr<const RowSet> rows = options_.rows;
  if (const auto samples = drawn(epoch); samples != nullptr)
    rows = rows == nullptr ? samples : std::make_shared<const RowSet>(rows_of_whole(*samples, *rows));
  chunk_order_ = std::make_shared<const ChunkOrder>(ChunkOrderKey{.samples = options_.samples,
                                                                  .chunk = options_.chunk,
                                                                  .window = stream_window(),
                                                                  .seed = options_.seed,
                                                                  .epoch = epoch,
                                                                  .rows = std::move(rows)});
  return *chunk_order_;
}

std::shared_ptr<const RowSet> ShardedSampler::drawn(std::uint64_t epoch) const {
  if (options_.draws == nullptr) return nullptr;
  if (drawn_ != nullptr && drawn_epoch_ == epoch) return drawn_;
  drawn_ = std::make_shared<const RowSet>(options_.draws->counts(epoch));
  drawn_epoch_ = epoch;
  expect_contract(drawn_->whole() == options_.samples && drawn_->size() == options_.samples,
                  "an epoch has as many draws as samples");
  return drawn_;
}

void ShardedSampler::name_draws(std::uint64_t epoch, std::vector<std::uint64_t>& items) const {
  const auto samples = drawn(epoch);
  for (std::uint64_t& item : items) {
    const std::uint64_t sample = samples->row(item);
    item = draw_key(sample, item - samples->before(sample));
  }
}

}  // namespace annulus::io
