// Chooses between memory and disk, and loads resident data: every rank of a host reads its part of the rows.
#include "io/dataset.hpp"

#include <algorithm>
#include <cstring>

#include "io/dataset_columns.hpp"
#include "io/dataset_streaming.hpp"

namespace annulus::io {
namespace {

/// What a rank tells the others about its part of the load, at the beginning of the shared block: when one
/// cannot read, all of them throw, and none waits for a rank that is gone.
struct LoadReport {
  std::int32_t failed = 0;
  char message[1020] = "";
};

/// The shared block: a report per part, then the pixels.
class ResidentBlock {
 public:
  ResidentBlock(std::unique_ptr<NodeMemory> memory, std::size_t pixel_bytes)
      : memory_(std::move(memory)), pixel_bytes_(pixel_bytes) {}

  static std::size_t bytes_needed(std::size_t pixel_bytes) {
    return kMostParts * sizeof(LoadReport) + pixel_bytes;
  }

  std::span<std::byte> pixels() {
    return memory_->bytes().subspan(kMostParts * sizeof(LoadReport), pixel_bytes_);
  }

  /// Fills this rank's part, tells the others how it went and waits for them. @throws what any of them met
  void load(const DatasetColumns& columns) {
    const int part = memory_->part();
    const int parts = memory_->parts();
    if (parts > kMostParts)
      throw RuntimeError("{} ranks on one host share a dataset, but at most {} can.", parts, kMostParts);
    LoadReport report;
    try {
      load_part(columns, part, parts);
    } catch (const std::exception& error) {
      report.failed = 1;
      std::strncpy(report.message, error.what(), sizeof report.message - 1);
    }
    std::memcpy(memory_->bytes().data() + static_cast<std::size_t>(part) * sizeof report, &report,
                sizeof report);
    memory_->synchronise();
    for (int other = 0; other < parts; ++other) {
      std::memcpy(&report, memory_->bytes().data() + static_cast<std::size_t>(other) * sizeof report,
                  sizeof report);
      if (report.failed != 0) throw DataError("{}", report.message);
    }
  }

 private:
  static constexpr int kMostParts = 256;

  /// Whole chunks in large reads: no chunk is decompressed twice.
  void load_part(const DatasetColumns& columns, int part, int parts) {
    constexpr std::uint64_t kReadBytes = 8 << 20;
    const std::uint64_t rows = columns.info().samples;
    const std::uint64_t chunk = columns.chunk_rows();
    const std::uint64_t chunks = (rows + chunk - 1) / chunk;
    const std::uint64_t begin =
        chunks * static_cast<std::uint64_t>(part) / static_cast<std::uint64_t>(parts) * chunk;
    const std::uint64_t end = std::min(
        rows, chunks * static_cast<std::uint64_t>(part + 1) / static_cast<std::uint64_t>(parts) * chunk);
    const std::uint64_t step = std::max<std::uint64_t>(1, kReadBytes / columns.row_bytes() / chunk) * chunk;
    for (std::uint64_t first = begin; first < end; first += step) {
      const std::uint64_t count = std::min(step, end - first);
      columns.read_pixels(first, count,
                          pixels().subspan(first * columns.row_bytes(), count * columns.row_bytes()));
    }
  }

  std::unique_ptr<NodeMemory> memory_;
  std::size_t pixel_bytes_;
};

class ResidentSource final : public SampleSource {
 public:
  ResidentSource(const DatasetColumns& columns, ResidentBlock block)
      : info_(columns.info()),
        row_bytes_(columns.row_bytes()),
        labels_(columns.labels().begin(), columns.labels().end()),
        block_(std::move(block)) {
    info_.resident = true;
    info_.chunk = 1;  // any order costs the same: the shuffle need not keep chunks together
  }

  const SourceInfo& info() const override { return info_; }

  void read(std::span<const std::uint64_t> samples, std::span<std::byte> pixels,
            std::span<std::int32_t> labels) override {
    expect_contract(labels.size() == samples.size() && pixels.size() == samples.size() * row_bytes_,
                    "read has room for one image and one label per sample");
    const std::byte* const stored = block_.pixels().data();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      expect_contract(samples[i] < info_.samples, "a sample number is below the number of samples");
      std::memcpy(pixels.data() + i * row_bytes_, stored + samples[i] * row_bytes_, row_bytes_);
      labels[i] = labels_[samples[i]];
    }
  }

 private:
  SourceInfo info_;
  std::size_t row_bytes_;
  std::vector<std::int32_t> labels_;
  ResidentBlock block_;
};

}  // namespace

std::unique_ptr<SampleSource> open_dataset(const DatasetOptions& options, const NodeMemoryFactory& memory) {
  auto columns = std::make_unique<DatasetColumns>(options);
  const std::size_t pixel_bytes = columns->info().samples * columns->row_bytes();
  if (pixel_bytes > options.resident_bytes)
    return make_streaming_source(std::move(columns), options.cache_bytes);
  ResidentBlock block(memory(ResidentBlock::bytes_needed(pixel_bytes)), pixel_bytes);
  block.load(*columns);
  return std::make_unique<ResidentSource>(*columns, std::move(block));
}

}  // namespace annulus::io
