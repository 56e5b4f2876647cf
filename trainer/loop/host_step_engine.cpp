// A step on the host, from batch to new parameters, one part after the other.
#include "trainer/loop/host_step_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/vital_signs.hpp"

namespace annulus::trainer {
namespace {

double count_bad(std::span<const float> values) {
  return static_cast<double>(
      std::count_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); }));
}

/// Makes one value of the first owned shard's gradient NaN on its way to the sum.
class SpoilingReducer final : public comm::GradientReducer {
 public:
  SpoilingReducer(comm::GradientReducer& reducer, std::size_t element)
      : reducer_(reducer), element_(element) {}

  std::span<float> begin_shard(std::int64_t shard) override {
    const std::span<float> leaf = reducer_.begin_shard(shard);
    if (shard == owned().begin) leaf_ = leaf;  // only the thread of this shard looks at it
    return leaf;
  }
  void bucket_ready(std::int64_t shard, std::size_t bucket) override {
    const comm::Bucket& range = buckets()[bucket];
    if (shard == owned().begin && range.begin <= element_ && element_ < range.end)
      leaf_[element_] = std::numeric_limits<float>::quiet_NaN();
    reducer_.bucket_ready(shard, bucket);
  }
  void progress() override { reducer_.progress(); }
  std::span<const float> finish() override { return reducer_.finish(); }
  const std::vector<comm::Bucket>& buckets() const override { return reducer_.buckets(); }
  comm::ShardRange owned() const override { return reducer_.owned(); }

 private:
  comm::GradientReducer& reducer_;
  std::size_t element_;
  std::span<float> leaf_;
};

class HostStepEngine final : public StepEngine {
 public:
  HostStepEngine(Replica& replica, Optimizer& optimizer, std::unique_ptr<comm::GradientReducer> reducer)
      : replica_(replica), optimizer_(optimizer), reducer_(std::move(reducer)) {}

  void begin(const io::Batch& batch, const StepOrder& order) override {
    expect_contract(!result_, "a step is finished before the next one begins");
    const ArenaLayout& layout = replica_.layout();
    train(batch, order.spoil);                     // buckets leave as backward fills them
    const std::span<const float> sums = reduce();  // over all shards of the step, on every rank
    const Activity updating(Phase::update);
    const GradientSum gradient{sums.subspan(gradient_offset(layout)), batch.samples};
    const std::span<const float> statistics = sums.subspan(kGradientHead, layout.statistics_count);
    const GradientReport report = optimizer_.measure(replica_, gradient);
    const Verdict verdict = rules::judge({.loss_sum = sums[kLossSum],
                                          .samples = static_cast<double>(batch.samples),
                                          .loss_limit = order.loss_limit,
                                          .gradient_squares = report.squares,
                                          .bad_statistics = count_bad(statistics)});
    if (verdict == Verdict::good) {
      optimizer_.apply(replica_, gradient, order.learning_rate);
      update_statistics(replica_, statistics, batch.samples);
    }
    result_ = {.loss_sum = sums[kLossSum],
               .correct = sums[kCorrectCount],
               .top = sums[kTopCount],
               .gradient_norm = report.norm,
               .verdict = verdict,
               .bad_segment = report.bad_segment};
  }

  StepResult finish() override {
    expect_contract(result_.has_value(), "only a step that has begun is finished");
    return *std::exchange(result_, std::nullopt);
  }

  std::size_t steps_ahead() const override { return 0; }
  void download() override {}
  void upload() override {}

 private:
  std::span<const float> reduce() {
    const Activity reducing(Phase::reduction);
    return reducer_->finish();
  }

  void train(const io::Batch& batch, Spoil spoil) {
    if (spoil != Spoil::gradient) return replica_.train(batch, *reducer_);
    SpoilingReducer spoiling(*reducer_, gradient_offset(replica_.layout()));
    replica_.train(batch, spoiling);
  }

  Replica& replica_;
  Optimizer& optimizer_;
  std::unique_ptr<comm::GradientReducer> reducer_;
  std::optional<StepResult> result_;
};

}  // namespace

std::unique_ptr<StepEngine> make_host_step_engine(Replica& replica, Optimizer& optimizer,
                                                  std::unique_ptr<comm::GradientReducer> reducer) {
  return std::make_unique<HostStepEngine>(replica, optimizer, std::move(reducer));
}

}  // namespace annulus::trainer
