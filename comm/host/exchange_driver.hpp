// Takes an exchange through a step: starts runs as their buckets become ready, waits for all. Private to
// comm.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "comm/host/exchange.hpp"

namespace annulus::comm {

/// Main thread only.
class ExchangeDriver {
 public:
  /// `group`, `own` and `area` outlive it.
  /// @param area  where the nodes of all ranks lie, if they do; null: ranks send messages
  ExchangeDriver(ProcessGroup& group, const OwnNodes& own, const ReducerOptions& options,
                 const SharedArea* area = nullptr);

  /// Starts and moves on what can be; never waits.
  void progress();
  /// Waits until every bucket has its sum; after that the next step begins. @pre every bucket is ready
  /// @throws PeerError naming the bucket when the wait exceeds the group's limit
  void finish();

 private:
  class BucketSum;
  void wait_for(std::size_t bucket);
  void rewind();

  ProcessGroup& group_;
  const OwnNodes& own_;
  ReducerPurpose purpose_;
  std::unique_ptr<Exchange> exchange_;
  std::vector<std::size_t> unfinished_;  ///< by bucket: runs that have not finished
  std::size_t next_ = 0;                 ///< the run to start next
};

/// What is waited for, in words: "sum of gradient bucket 3 of 7". Statistics have one bucket.
std::string bucket_purpose(std::size_t bucket, std::size_t buckets,
                           ReducerPurpose purpose = ReducerPurpose::gradients);

}  // namespace annulus::comm
