// Copies a bucket when it is reported: what is written afterwards shows up as a difference.
#include "tests/support/recording_reducer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace annulus::test {

RecordingReducer::RecordingReducer(const trainer::ArenaLayout& layout, comm::ShardRange owned,
                                   std::size_t bucket_elements)
    : elements_(trainer::gradient_elements(layout)),
      buckets_(comm::make_buckets(trainer::gradient_sizes(layout), bucket_elements)),
      owned_(owned) {}

std::span<float> RecordingReducer::begin_shard(std::int64_t shard) {
  const std::lock_guard lock(mutex_);
  if (shard < owned_.begin || shard >= owned_.end)
    complaints_ += fmt::format("shard {} is not owned\n", shard);
  std::vector<float>& buffer = buffers_[shard];
  buffer.assign(elements_ + 16, std::numeric_limits<float>::quiet_NaN());  // room to align
  recorded_[shard].assign(elements_, std::numeric_limits<float>::quiet_NaN());
  reported_[shard] = 0;
  void* start = buffer.data();
  std::size_t space = buffer.size() * sizeof(float);
  return {static_cast<float*>(std::align(64, elements_ * sizeof(float), start, space)), elements_};
}

void RecordingReducer::bucket_ready(std::int64_t shard, std::size_t bucket) {
  const std::lock_guard lock(mutex_);
  if (bucket != reported_[shard]++)
    complaints_ += fmt::format("bucket {} of shard {} is out of order\n", bucket, shard);
  void* start = buffers_[shard].data();
  std::size_t space = buffers_[shard].size() * sizeof(float);
  const auto* buffer = static_cast<const float*>(std::align(64, elements_ * sizeof(float), start, space));
  std::copy(buffer + buckets_.at(bucket).begin, buffer + buckets_.at(bucket).end,
            recorded_[shard].begin() + static_cast<std::ptrdiff_t>(buckets_[bucket].begin));
}

std::span<const float> RecordingReducer::finish() {
  sum_.assign(elements_, 0.0f);
  for (const auto& [shard, gradients] : recorded_)
    for (std::size_t i = 0; i < elements_; ++i) sum_[i] += gradients[i];
  return sum_;
}

std::string RecordingReducer::complaints() const {
  std::string all = complaints_;
  for (std::int64_t shard = owned_.begin; shard < owned_.end; ++shard) {
    const auto reported = reported_.find(shard);
    const std::size_t count = reported == reported_.end() ? 0 : reported->second;
    if (count != buckets_.size())
      all += fmt::format("shard {} reported {} of {} buckets\n", shard, count, buckets_.size());
    if (count == 0) continue;
    const std::vector<float>& gradients = recorded_.at(shard);
    const auto unwritten =
        std::find_if(gradients.begin(), gradients.end(), [](float v) { return std::isnan(v); });
    if (unwritten != gradients.end())
      all += fmt::format("element {} of shard {} was not written before its bucket was reported\n",
                         unwritten - gradients.begin(), shard);
  }
  return all;
}

}  // namespace annulus::test
