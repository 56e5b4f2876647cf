// Chooses between memory and disk, and loads resident data: every rank of a host reads its part of the rows.
#include "io/dataset/dataset.hpp"
#include "io/dataset/check_buffers.hpp"

#include <algorithm>
#include <cstring>

#include "base/log.hpp"
#include "io/dataset/many_files.hpp"
#include "io/dataset/shared_load.hpp"
#include "io/dataset/stored_split.hpp"
#include "io/dataset/streaming.hpp"

namespace annulus::io {
namespace {

/// The shared block: a report per part, then the vectors of all samples, then the pixels.
class ResidentBlock {
 public:
  ResidentBlock(const StoredSplit& columns, const NodeMemoryFactory& memory)
      : vector_floats_(columns.info().samples * columns.vector_floats()),
        pixel_bytes_(columns.info().samples * columns.row_bytes()),
        memory_(memory(kVectorsAt + vector_floats_ * sizeof(float) + pixel_bytes_)) {}

  std::span<float> vectors() {
    return {reinterpret_cast<float*>(memory_->bytes().data() + kVectorsAt), vector_floats_};
  }
  std::span<std::byte> pixels() {
    return memory_->bytes().subspan(kVectorsAt + vector_floats_ * sizeof(float), pixel_bytes_);
  }

  /// Fills this rank's part, tells the others how it went and waits for them. @throws what any of them met
  void load(const StoredSplit& columns) {
    SharedLoad(*memory_).run([&](int part, int parts) { load_part(columns, part, parts); });
  }

 private:
  static constexpr std::size_t kVectorsAt = SharedLoad::kBytes;

  /// Whole chunks in large reads: no chunk is decompressed twice.
  void load_part(const StoredSplit& columns, int part, int parts) {
    constexpr std::uint64_t kReadBytes = 8 << 20;
    const std::uint64_t chunks = columns.chunks();
    const std::uint64_t begin = chunks * static_cast<std::uint64_t>(part) / static_cast<std::uint64_t>(parts);
    const std::uint64_t end =
        chunks * static_cast<std::uint64_t>(part + 1) / static_cast<std::uint64_t>(parts);
    const std::uint64_t step =
        std::max<std::uint64_t>(1, kReadBytes / columns.row_bytes() / columns.chunk_rows());
    for (std::uint64_t chunk = begin; chunk < end; chunk += step) {
      const std::uint64_t first = columns.chunk_begin(chunk);
      const std::uint64_t count = columns.chunk_begin(std::min(chunk + step, end)) - first;
      const std::size_t floats = columns.vector_floats();
      const StoredSplit::Piece piece{
          first, count, pixels().subspan(first * columns.row_bytes(), count * columns.row_bytes()),
          vectors().subspan(first * floats, count * floats)};
      columns.read_pieces({&piece, 1});
    }
    columns.check_unchanged();
  }

  std::size_t vector_floats_;
  std::size_t pixel_bytes_;
  std::unique_ptr<NodeMemory> memory_;
};

class ResidentSource final : public SampleSource {
 public:
  ResidentSource(const StoredSplit& columns, ResidentBlock block)
      : info_(columns.info()),
        row_bytes_(columns.row_bytes()),
        vector_floats_(columns.vector_floats()),
        labels_(columns.labels().begin(), columns.labels().end()),
        weights_(columns.weights().begin(), columns.weights().end()),
        block_(std::move(block)) {
    info_.resident = true;
    info_.chunk = 1;  // any order costs the same: the shuffle need not keep chunks together
    info_.places = nullptr;
  }

  const SourceInfo& info() const override { return info_; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return weights_; }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info_);
    const std::byte* const stored = block_.pixels().data();
    const float* const vectors = block_.vectors().data();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      expect_contract(samples[i] < info_.samples, "a sample number is below the number of samples");
      std::memcpy(buffers.pixels.data() + i * row_bytes_, stored + samples[i] * row_bytes_, row_bytes_);
      buffers.labels[i] = labels_[samples[i]];
      if (!buffers.vectors.empty())
        std::copy_n(vectors + samples[i] * vector_floats_, vector_floats_,
                    buffers.vectors.data() + i * vector_floats_);
    }
  }

 private:
  SourceInfo info_;
  std::size_t row_bytes_;
  std::size_t vector_floats_;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;
  ResidentBlock block_;
};

}  // namespace

std::unique_ptr<SampleSource> open_dataset(const DatasetOptions& options, const NodeMemoryFactory& memory) {
  auto split = options.files.empty() ? open_one_file(options) : open_many_files(options, memory);
  for (const std::string& note : split->notes()) log_info("{}", note);
  if (split->info().samples * sample_bytes(split->info()) > options.resident_bytes)
    return make_streaming_source(std::move(split), options.cache_bytes);
  ResidentBlock block(*split, memory);
  block.load(*split);
  return std::make_unique<ResidentSource>(*split, std::move(block));
}

}  // namespace annulus::io
