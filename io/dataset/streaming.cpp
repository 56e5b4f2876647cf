// A request is served in its order, which is that of the shuffle's streams; a cache keeps the chunks that are
// under way (chunk_cache.hpp). Rows stored one after another (no chunks) are sorted and read in runs.
#include "io/dataset/streaming.hpp"
#include "io/dataset/check_buffers.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "io/dataset/chunk_cache.hpp"
#include "io/hdf5/advice.hpp"

namespace annulus::io {
namespace {

class StreamingSource final : public SampleSource {
 public:
  StreamingSource(std::unique_ptr<StoredSplit> columns, std::size_t slots)
      : columns_(std::move(columns)), info_(columns_->info()), cache_(*columns_, slots) {
    info_.stored_bytes = columns_->stored_bytes();
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return columns_->labels(); }
  std::span<const float> all_weights() const override { return columns_->weights(); }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info());
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
  void expect_rows(const std::shared_ptr<const RowSet>& rows) override { cache_.expect_rows(rows); }
  ReadCounts read_counts() const override {
    return {.read_bytes = cache_.counts().read_bytes + runs_.read_bytes,
            .chunks_unpacked = cache_.counts().chunks_unpacked + runs_.chunks_unpacked};
  }

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
    for (std::size_t begin = 0; begin < samples.size();) {
      const std::size_t end = begin + cache_.prepare(samples.subspan(begin));
      for (; begin < end; ++begin) {
        const std::uint64_t chunk = columns_->chunk_of(samples[begin]);
        place(cache_.chunk(chunk), samples[begin] - columns_->chunk_begin(chunk), begin, buffers);
      }
    }
  }

  /// Neighbouring rows with one call each run; the runs are as long as the request happens to make them.
  void read_runs(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) {
    order_.resize(samples.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return samples[a] < samples[b]; });
    for (std::size_t begin = 0; begin < order_.size();) {
      const std::uint64_t first = samples[order_[begin]];
      std::size_t end = begin + 1;
      while (end < order_.size() && samples[order_[end]] - samples[order_[end - 1]] <= 1) ++end;
      read_run(first, samples[order_[end - 1]] - first + 1);
      for (std::size_t k = begin; k < end; ++k)
        place({run_, run_vectors_}, samples[order_[k]] - first, order_[k], buffers);
      begin = end;
    }
  }

  void read_run(std::uint64_t first, std::uint64_t rows) {
    run_.resize(rows * columns_->row_bytes());
    run_vectors_.resize(rows * columns_->vector_floats());
    const StoredSplit::Piece run{first, rows, run_, run_vectors_};
    runs_.read_bytes += columns_->read_pieces({&run, 1});
    ++runs_.chunks_unpacked;
  }

  std::unique_ptr<StoredSplit> columns_;
  SourceInfo info_;
  ChunkCache cache_;
  ReadCounts runs_;
  std::vector<std::size_t> order_;
  std::vector<std::byte> run_;
  std::vector<float> run_vectors_;
};

}  // namespace

std::unique_ptr<SampleSource> make_streaming_source(std::unique_ptr<StoredSplit> columns,
                                                    std::uint64_t cache_bytes) {
  const std::uint64_t chunk_bytes = columns->chunk_rows() * sample_bytes(columns->info());
  if (chunk_bytes > cache_bytes) {
    throw DataError(
        "{}, {}: stores {} rows together ({:.0f} MB), more than the {:.0f} MB that streaming may keep in memory. Raise data.window_mb, or data.resident_mb above the size of the data, or rewrite the file in smaller chunks: `{}`.",
        columns->path(), columns->images_name(), columns->chunk_rows(),
        static_cast<double>(chunk_bytes) / 1e6, static_cast<double>(cache_bytes) / 1e6,
        write_in_chunks(columns->path(), columns->images_name(), columns->images().extents,
                        columns->images().type.bytes));
  }
  const std::uint64_t slots = std::min(columns->chunks(), cache_bytes / chunk_bytes);
  return std::make_unique<StreamingSource>(std::move(columns), slots);
}

}  // namespace annulus::io
