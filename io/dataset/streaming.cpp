// Requests are sorted, so that every chunk is fetched once a batch; the least recently used one makes room.
// Rows stored one after another (no chunks) are read in runs.
#include "io/dataset/streaming.hpp"
#include "io/dataset/check_buffers.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "io/hdf5/advice.hpp"

namespace annulus::io {
namespace {

/// Whole chunks of images, with their vectors, by number, the least recently used one replaced.
class ChunkCache {
 public:
  ChunkCache(const DatasetColumns& columns, std::size_t slots) : columns_(columns), most_slots_(slots) {}

  struct Chunk {
    std::span<const std::byte> pixels;
    std::span<const float> vectors;
  };
  Chunk chunk(std::uint64_t number) {
    const auto found = slot_of_.find(number);
    Slot& slot = found != slot_of_.end() ? slots_[found->second] : load(number);
    slot.last_used = ++clock_;
    return {slot.pixels, slot.vectors};
  }

 private:
  struct Slot {
    std::uint64_t number = 0;
    std::uint64_t last_used = 0;  ///< 0 = empty
    std::vector<std::byte> pixels;
    std::vector<float> vectors;
  };

  /// Least recently used is what fits the sampler: it walks from window to window, and a chunk that has had
  /// its turn is not asked for again in this epoch. A cache smaller than a window reads every chunk many
  /// times.
  Slot& load(std::uint64_t number) {
    if (slots_.size() < most_slots_) slots_.emplace_back();
    const auto oldest = std::min_element(
        slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) { return a.last_used < b.last_used; });
    if (oldest->last_used > 0) slot_of_.erase(oldest->number);
    // The number leaves the map before anything is read into its memory.
    oldest->last_used = 0;  // stays empty when reading throws
    const std::uint64_t first = number * columns_.chunk_rows();
    const std::uint64_t rows = std::min(columns_.chunk_rows(), columns_.info().samples - first);
    oldest->pixels.resize(rows * columns_.row_bytes());
    columns_.read_pixels(first, rows, oldest->pixels);
    oldest->vectors.resize(rows * columns_.vector_floats());
    columns_.read_vectors(first, rows, oldest->vectors);
    oldest->number = number;
    slot_of_[number] = static_cast<std::size_t>(oldest - slots_.begin());
    return *oldest;
  }

  const DatasetColumns& columns_;
  std::size_t most_slots_;
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, std::size_t> slot_of_;
  std::uint64_t clock_ = 0;
};

class StreamingSource final : public SampleSource {
 public:
  StreamingSource(std::unique_ptr<DatasetColumns> columns, std::size_t slots)
      : columns_(std::move(columns)), cache_(*columns_, slots) {}

  const SourceInfo& info() const override { return columns_->info(); }
  std::span<const std::int32_t> all_labels() const override { return columns_->labels(); }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info());
    order_.resize(samples.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return samples[a] < samples[b]; });
    for (std::size_t i = 0; i < samples.size(); ++i) {
      expect_contract(samples[i] < info().samples, "a sample number is below the number of samples");
      buffers.labels[i] = columns_->labels()[samples[i]];
    }
    try {
      if (columns_->chunked())
        read_chunks(samples, buffers);
      else
        read_runs(samples, buffers);
    } catch (const DataError&) {
      check_unchanged();  // what seems damaged may be half-written
      throw;
    }
  }

  void check_unchanged() const override { columns_->check_unchanged(); }

 private:
  /// Row `row` of what was read becomes sample `place` of the request.
  void place(const ChunkCache::Chunk& from, std::uint64_t row, std::size_t place,
             const SampleBuffers& buffers) const {
    const std::size_t bytes = columns_->row_bytes(), floats = columns_->vector_floats();
    std::memcpy(buffers.pixels.data() + place * bytes, from.pixels.data() + row * bytes, bytes);
    if (!buffers.vectors.empty())
      std::copy_n(from.vectors.data() + row * floats, floats, buffers.vectors.data() + place * floats);
  }

  void read_chunks(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) {
    for (const std::size_t i : order_)
      place(cache_.chunk(samples[i] / columns_->chunk_rows()), samples[i] % columns_->chunk_rows(), i,
            buffers);
  }

  /// Neighbouring rows with one call each run; the runs are as long as the request happens to make them.
  void read_runs(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) {
    for (std::size_t begin = 0; begin < order_.size();) {
      const std::uint64_t first = samples[order_[begin]];
      std::size_t end = begin + 1;
      while (end < order_.size() && samples[order_[end]] - samples[order_[end - 1]] <= 1) ++end;
      const std::uint64_t rows = samples[order_[end - 1]] - first + 1;
      run_.resize(rows * columns_->row_bytes());
      columns_->read_pixels(first, rows, run_);
      run_vectors_.resize(rows * columns_->vector_floats());
      columns_->read_vectors(first, rows, run_vectors_);
      for (std::size_t k = begin; k < end; ++k)
        place({run_, run_vectors_}, samples[order_[k]] - first, order_[k], buffers);
      begin = end;
    }
  }

  std::unique_ptr<DatasetColumns> columns_;
  ChunkCache cache_;
  std::vector<std::size_t> order_;
  std::vector<std::byte> run_;
  std::vector<float> run_vectors_;
};

}  // namespace

std::unique_ptr<SampleSource> make_streaming_source(std::unique_ptr<DatasetColumns> columns,
                                                    std::uint64_t cache_bytes) {
  const std::uint64_t chunk_bytes = columns->chunk_rows() * sample_bytes(columns->info());
  if (chunk_bytes > cache_bytes) {
    throw DataError(
        "{}, {}: stores {} rows together ({:.0f} MB), more than the {:.0f} MB that streaming may keep in memory. Raise data.window_mb, or data.resident_mb above the size of the data, or rewrite the file in smaller chunks: `{}`.",
        columns->path(), columns->images_name(), columns->chunk_rows(),
        static_cast<double>(chunk_bytes) / 1e6, static_cast<double>(cache_bytes) / 1e6,
        repack_in_chunks(columns->path(), columns->images_name(), columns->images().extents,
                         columns->images().type.bytes));
  }
  const std::uint64_t chunks = (columns->info().samples + columns->chunk_rows() - 1) / columns->chunk_rows();
  return std::make_unique<StreamingSource>(std::move(columns), std::min(chunks, cache_bytes / chunk_bytes));
}

}  // namespace annulus::io
