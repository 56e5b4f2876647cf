// One small message an epoch, and none in a step.
#include "trainer/loop/reading_tally.hpp"

#include <array>
#include <span>
#include <vector>

#include "base/log.hpp"

namespace annulus::trainer {

ReadingTally::ReadingTally(const io::SampleSource* source)
    : source_(source != nullptr && source->info().stored_bytes > 0 ? source : nullptr) {
  if (source_ != nullptr) mine_ = counted_ = source_->read_counts();
}

void ReadingTally::note(const io::Batch& batch) {
  mine_ = batch.read;
  samples_ += batch.samples;
}

std::optional<io::ReadCounts> ReadingTally::finish_epoch(comm::ProcessGroup& group) {
  if (source_ == nullptr) return std::nullopt;
  const std::array<std::uint64_t, 2> mine{mine_.read_bytes - counted_.read_bytes,
                                          mine_.chunks_unpacked - counted_.chunks_unpacked};
  counted_ = mine_;
  all_samples_ = samples_;
  std::vector<std::array<std::uint64_t, 2>> ranks(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(ranks)),
                   "what the ranks have read");
  io::ReadCounts sum;
  for (const auto& [bytes, chunks] : ranks) {
    sum.read_bytes += bytes;
    sum.chunks_unpacked += chunks;
  }
  all_.read_bytes += sum.read_bytes;
  all_.chunks_unpacked += sum.chunks_unpacked;
  return sum;
}

void ReadingTally::tell() const {
  if (all_.read_bytes == 0 || all_samples_ == 0) return;
  const io::SourceInfo& info = source_->info();
  const double epochs = static_cast<double>(all_samples_) / static_cast<double>(info.samples);
  const double data = static_cast<double>(info.stored_bytes) * epochs;
  log_info(
      "streamed {}: all ranks together read {:.1f} MB in {} chunks, {:.2f} times what the data take in the file, for each of {:.3g} epoch(s)",
      info.name, static_cast<double>(all_.read_bytes) / 1e6, all_.chunks_unpacked,
      static_cast<double>(all_.read_bytes) / data, epochs);
}

}  // namespace annulus::trainer
