// A step on the host, from batch to new parameters, one part after the other.
#include "trainer/host_step_engine.hpp"

#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/vital_signs.hpp"

namespace annulus::trainer {
namespace {

class HostStepEngine final : public StepEngine {
 public:
  HostStepEngine(Replica& replica, Optimizer& optimizer, std::unique_ptr<comm::GradientReducer> reducer)
      : replica_(replica), optimizer_(optimizer), reducer_(std::move(reducer)) {}

  void begin(const io::Batch& batch, double learning_rate) override {
    expect_contract(!result_, "a step is finished before the next one begins");
    const ArenaLayout& layout = replica_.layout();
    replica_.train(batch, *reducer_);              // buckets leave as backward fills them
    const std::span<const float> sums = reduce();  // over all shards of the step, on every rank
    const Activity updating(Phase::update);
    const UpdateReport update =
        optimizer_.update(replica_, sums.subspan(gradient_offset(layout)), batch.samples, learning_rate);
    update_statistics(replica_, sums.subspan(kGradientHead, layout.statistics_count), batch.samples);
    result_ = {.loss_sum = sums[kLossSum],
               .correct = sums[kCorrectCount],
               .gradient_norm = update.gradient_norm,
               .finite = update.finite};
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
