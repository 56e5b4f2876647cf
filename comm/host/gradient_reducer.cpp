// Joins the two halves of a reduction: the sum inside the rank, on worker threads, and the exchange between
// ranks, on the main thread.
#include "comm/host/gradient_reducer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "comm/host/exchange_driver.hpp"
#include "comm/host/local_sum.hpp"
#include "comm/host/shared_area.hpp"

namespace annulus::comm {
namespace {

class Reducer final : public GradientReducer {
 public:
  Reducer(ProcessGroup& group, const ReducerOptions& options)
      : elements_(options.elements),
        buckets_(options.buckets),
        owned_(owned_shards(options.shards, group.rank(), group.size())),
        area_(make_area(group, options)),
        local_(options, owned_, own_buffers(group, options)) {
    if (group.size() > 1) exchange_ = std::make_unique<ExchangeDriver>(group, local_, options, area_.get());
  }

  std::span<float> begin_shard(std::int64_t shard) override { return local_.begin_shard(shard); }
  void bucket_ready(std::int64_t shard, std::size_t bucket) override { local_.bucket_ready(shard, bucket); }
  const std::vector<Bucket>& buckets() const override { return buckets_; }
  ShardRange owned() const override { return owned_; }

  void progress() override {
    if (exchange_) exchange_->progress();
  }

  std::span<const float> finish() override {
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
      expect_contract(local_.ready(bucket), "finish() comes after every bucket of every owned shard");
    if (exchange_) exchange_->finish();
    const std::span<const float> sum(local_.node(0), elements_);
    local_.restart();
    return sum;
  }

 private:
  static std::unique_ptr<SharedArea> make_area(const ProcessGroup& group, const ReducerOptions& options) {
    if (options.reduction == Reduction::fast) return nullptr;
    return SharedArea::make(options, group.size(), shared_runs(options, group.size()).size());
  }
  /// Of the rank's maximal nodes, if they lie in the shared area.
  std::vector<float*> own_buffers(const ProcessGroup& group, const ReducerOptions& options) const {
    std::vector<float*> buffers;
    if (!area_) return buffers;
    const TreePlan plan = make_tree_plan(options.shards, group.size());
    for (std::size_t node = plan.first_node(group.rank()); node < plan.first_node(group.rank() + 1); ++node)
      buffers.push_back(area_->node(node));
    return buffers;
  }

  std::size_t elements_;
  std::vector<Bucket> buckets_;
  ShardRange owned_;
  std::unique_ptr<SharedArea> area_;  ///< none when the ranks send messages
  LocalSum local_;
  std::unique_ptr<ExchangeDriver> exchange_;  ///< none when the rank is alone
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

void expect_cover(const ReducerOptions& options) {
  std::size_t end = 0;
  for (const Bucket& bucket : options.buckets) {
    expect_contract(bucket.begin == end && bucket.end > bucket.begin,
                    "buckets follow each other without gaps");
    end = bucket.end;
  }
  expect_contract(end == options.elements && end > 0, "the buckets cover the whole gradient buffer");
}

std::unique_ptr<GradientReducer> make_reducer(ProcessGroup& group, const ReducerOptions& options) {
  expect_cover(options);
  return std::make_unique<Reducer>(group, options);
}

}  // namespace annulus::comm
