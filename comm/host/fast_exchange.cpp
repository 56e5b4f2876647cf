// The library's own allreduce, run by run.
#include "comm/host/add.hpp"
#include "comm/host/exchange.hpp"

namespace annulus::comm {
namespace {

// 1 MB: several pieces of this size are faster than one large allreduce, which falls out of the cache.
constexpr std::size_t kRunElements = std::size_t{1} << 18;
constexpr std::size_t kRunsUnderWay = 4;

class FastExchange final : public Exchange {
 public:
  FastExchange(ProcessGroup& group, const ReducerOptions& options, const OwnNodes& own)
      : group_(group), own_(own), runs_(make_runs(options.buckets, kRunElements)) {
    under_way_.reserve(kRunsUnderWay);
  }

  const std::vector<Run>& runs() const override { return runs_; }

  bool start(std::size_t index) override {
    if (under_way_.size() == kRunsUnderWay) return false;
    const Run& run = runs_[index];
    float* sum = own_.node(0) + run.begin;
    const std::size_t count = run.end - run.begin;
    for (std::size_t i = 1; i < own_.nodes().size(); ++i) add(sum, sum, own_.node(i) + run.begin, count);
    under_way_.push_back({run.bucket, group_.start_all_reduce_sum({sum, count})});
    return true;
  }

  void advance(std::span<std::size_t> unfinished) override {
    std::erase_if(under_way_, [&](const UnderWay& each) {
      if (!each.transfer->test()) return false;
      --unfinished[each.bucket];
      return true;
    });
  }

 private:
  struct UnderWay {
    std::size_t bucket;
    std::unique_ptr<Transfer> transfer;
  };

  ProcessGroup& group_;
  const OwnNodes& own_;
  std::vector<Run> runs_;
  std::vector<UnderWay> under_way_;
};

}  // namespace

std::unique_ptr<Exchange> make_fast_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             const OwnNodes& own) {
  return std::make_unique<FastExchange>(group, options, own);
}

}  // namespace annulus::comm
