// A gradient reducer for tests of backends: keeps every shard's buffer and notes breaches of the contract.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "comm/host/gradient_reducer.hpp"
#include "trainer/backend/contract/replica.hpp"

namespace annulus::test {

class RecordingReducer final : public comm::GradientReducer {
 public:
  /// @param bucket_elements  smallest bucket; 1 makes every segment a bucket of its own
  RecordingReducer(const trainer::ArenaLayout& layout, comm::ShardRange owned,
                   std::size_t bucket_elements = 1);

  /// Fills the buffer with NaN first, so that an element nobody wrote is seen.
  std::span<float> begin_shard(std::int64_t shard) override;
  void bucket_ready(std::int64_t shard, std::size_t bucket) override;
  void progress() override { ++progress_calls_; }
  std::span<const float> finish() override;
  const std::vector<comm::Bucket>& buckets() const override { return buckets_; }
  comm::ShardRange owned() const override { return owned_; }

  /// The gradient buffer of a shard as it was when each bucket was reported.
  const std::vector<float>& gradients(std::int64_t shard) const { return recorded_.at(shard); }
  int progress_calls() const { return progress_calls_; }
  /// Empty when every bucket of every owned shard was reported once and in order, and was final when it was.
  std::string complaints() const;

 private:
  std::size_t elements_;
  std::vector<comm::Bucket> buckets_;
  comm::ShardRange owned_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::vector<float>> buffers_;
  std::map<std::int64_t, std::vector<float>> recorded_;
  std::map<std::int64_t, std::size_t> reported_;
  std::string complaints_;
  std::vector<float> sum_;
  int progress_calls_ = 0;
};

}  // namespace annulus::test
