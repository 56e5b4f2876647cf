// Joins the two halves of a reduction: the sum inside the rank, on worker threads, and the exchange between
// ranks, on the main thread.
#include "comm/gradient_reducer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "comm/exchange.hpp"
#include "comm/local_sum.hpp"

namespace annulus::comm {
namespace {

void expect_cover(const ReducerOptions& options) {
  std::size_t end = 0;
  for (const Bucket& bucket : options.buckets) {
    expect_contract(bucket.begin == end && bucket.end > bucket.begin,
                    "buckets follow each other without gaps");
    end = bucket.end;
  }
  expect_contract(end == options.elements && end > 0, "the buckets cover the whole gradient buffer");
}

class Reducer final : public GradientReducer {
 public:
  Reducer(ProcessGroup& group, const ReducerOptions& options)
      : group_(group),
        elements_(options.elements),
        buckets_(options.buckets),
        owned_(owned_shards(options.shards, group.rank(), group.size())),
        local_(options, owned_),
        unfinished_(buckets_.size()) {
    if (group.size() > 1) {
      exchange_ = options.reduction == Reduction::tree ? make_tree_exchange(group, options, local_)
                                                       : make_fast_exchange(group, options, local_);
    }
    rewind();
  }

  std::span<float> begin_shard(std::int64_t shard) override { return local_.begin_shard(shard); }
  void bucket_ready(std::int64_t shard, std::size_t bucket) override { local_.bucket_ready(shard, bucket); }
  const std::vector<Bucket>& buckets() const override { return buckets_; }
  ShardRange owned() const override { return owned_; }

  void progress() override {
    if (!exchange_) return;
    exchange_->advance(unfinished_);
    const auto& runs = exchange_->runs();
    while (next_ < runs.size() && local_.ready(runs[next_].bucket) && exchange_->start(next_)) ++next_;
  }

  std::span<const float> finish() override {
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
      expect_contract(local_.ready(bucket), "finish() comes after every bucket of every owned shard");
    for (std::size_t bucket = 0; exchange_ && bucket < buckets_.size(); ++bucket) wait_for(bucket);
    const std::span<const float> sum(local_.node(0), elements_);
    local_.restart();
    rewind();
    return sum;
  }

 private:
  /// Lets the group's bounded wait drive everything until one bucket has its sum.
  class BucketSum final : public Transfer {
   public:
    BucketSum(Reducer& reducer, std::size_t bucket) : reducer_(reducer), bucket_(bucket) {}
    bool test() override {
      if (reducer_.unfinished_[bucket_] == 0) return true;
      reducer_.progress();
      return reducer_.unfinished_[bucket_] == 0;
    }

   private:
    Reducer& reducer_;
    std::size_t bucket_;
  };

  void wait_for(std::size_t bucket) {
    if (unfinished_[bucket] == 0) return;
    BucketSum sum(*this, bucket);
    group_.wait(sum, fmt::format("sum of gradient bucket {} of {}", bucket + 1, buckets_.size()));
  }

  /// Before a step: no run has started, every bucket waits for all of its runs.
  void rewind() {
    next_ = 0;
    std::ranges::fill(unfinished_, 0);
    if (!exchange_) return;
    for (const Run& run : exchange_->runs()) ++unfinished_[run.bucket];
  }

  ProcessGroup& group_;
  std::size_t elements_;
  std::vector<Bucket> buckets_;
  ShardRange owned_;
  LocalSum local_;
  std::unique_ptr<Exchange> exchange_;   ///< none when the rank is alone
  std::vector<std::size_t> unfinished_;  ///< by bucket: runs that have not finished
  std::size_t next_ = 0;                 ///< the run to start next
};

}  // namespace

std::vector<Bucket> make_buckets(std::span<const std::size_t> sizes, std::size_t bucket_elements) {
  std::vector<Bucket> buckets;
  Bucket open;
  for (const std::size_t size : sizes) {
    open.end += size;
    if (open.end - open.begin < std::max<std::size_t>(bucket_elements, 1)) continue;
    buckets.push_back(open);
    open.begin = open.end;
  }
  if (open.end > open.begin) buckets.push_back(open);
  return buckets;
}

std::vector<Run> make_runs(std::span<const Bucket> buckets, std::size_t elements) {
  std::vector<Run> runs;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    for (std::size_t begin = buckets[bucket].begin; begin < buckets[bucket].end; begin += elements) {
      runs.push_back({bucket, begin, std::min(begin + elements, buckets[bucket].end)});
    }
  }
  return runs;
}

std::unique_ptr<GradientReducer> make_reducer(ProcessGroup& group, const ReducerOptions& options) {
  expect_cover(options);
  return std::make_unique<Reducer>(group, options);
}

}  // namespace annulus::comm
