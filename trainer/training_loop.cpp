// The main path of the program: one step is loader -> forward and backward -> reduction -> update -> record.
#include "trainer/training_loop.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/vital_signs.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/schedule.hpp"
#include "trainer/state_hash.hpp"
#include "trainer/stop_request.hpp"

namespace annulus::trainer {

std::uint64_t total_steps(double epochs, std::uint64_t steps_per_epoch) {
  return static_cast<std::uint64_t>(std::ceil(epochs * static_cast<double>(steps_per_epoch) - 1e-9));
}

TrainingLoop::TrainingLoop(const TrainingParts& parts)
    : parts_(parts),
      steps_per_epoch_(parts.sampler.steps_per_epoch()),
      total_steps_(total_steps(parts.config.epochs, steps_per_epoch_)) {}

Outcome TrainingLoop::run() {
  const Activity training(Phase::step);
  RunState& state = parts_.state;
  parts_.loader.seek(state.step / steps_per_epoch_, state.step % steps_per_epoch_);
  while (state.step < total_steps_ && !stops_early()) {
    step();
    const bool epoch_ended = state.step % steps_per_epoch_ == 0 || state.step == total_steps_;
    if (epoch_ended) finish_epoch();
    const bool ledger_due = is_ledger_step(epoch_ended);
    if (agree(ledger_due).stop != 0) {
      parts_.recorder.event(state, "stopped on request: " + stop_reason());
      save(false);
      finish_saving();
      return Outcome::stopped;
    }
    if (parts_.recorder.checkpoint_due(state, epoch_ended))
      save(false);
    else if (ledger_due)
      parts_.recorder.ledger(state);
  }
  save(false);
  finish_saving();
  return Outcome::finished;
}

void TrainingLoop::step() {
  RunState& state = parts_.state;
  note_step(state.step + 1);
  const Config& config = parts_.config;
  const double rate = learning_rate(config.schedule, config.optimizer.learning_rate, config.epochs,
                                    state.step, steps_per_epoch_);

  const io::Batch& batch = parts_.loader.next();
  parts_.engine.begin(batch, {.learning_rate = rate});  // forward and backward, sum over all shards, update
  begun_.push_back(
      {.step = ++state.step, .epoch = batch.epoch, .samples = batch.samples, .learning_rate = rate});
  record_steps(parts_.engine.steps_ahead());
}

/// Takes results from the engine until at most `unfinished` steps are left. Records appear in the order of
/// the steps, and a step is checked before anything that follows from it is saved: a loss that is not finite
/// stops the run at most one step late, before the next checkpoint, on all ranks at once since all of them
/// see the same sums.
void TrainingLoop::record_steps(std::size_t unfinished) {
  while (begun_.size() > unfinished) {
    const StepResult result = parts_.engine.finish();
    StepRecord record = begun_.front();
    begun_.pop_front();
    const auto samples = static_cast<double>(record.samples);
    record.loss = result.loss_sum / samples;
    record.accuracy = result.correct / samples;
    record.gradient_norm = result.gradient_norm;
    if (result.verdict != Verdict::good)
      throw RuntimeError(
          "step {} (epoch {}): the {} is not finite, so training has diverged. Lower "
          "optimizer.learning_rate, lengthen schedule.warmup_epochs or set optimizer.clip_norm; "
          "`--debug` names the layer where it starts. The last checkpoint is intact.",
          record.step, record.epoch, result.verdict == Verdict::loss_not_finite ? "loss" : "gradient");
    parts_.state.epoch_loss_sum += result.loss_sum;
    parts_.state.epoch_correct += result.correct;
    parts_.state.epoch_samples += samples;
    parts_.recorder.step(record);
  }
}

void TrainingLoop::finish_epoch() {
  RunState& state = parts_.state;
  const Config& config = parts_.config;
  settle();  // the sums of the epoch are complete, and the model is that of its last step
  std::optional<Evaluation> validation;
  if (parts_.validation) validation = parts_.validation->run();
  parts_.recorder.epoch({.epoch = (state.step - 1) / steps_per_epoch_,
                         .step = state.step,
                         .loss = state.epoch_loss_sum / state.epoch_samples,
                         .accuracy = state.epoch_correct / state.epoch_samples,
                         .learning_rate = learning_rate(config.schedule, config.optimizer.learning_rate,
                                                        config.epochs, state.step - 1, steps_per_epoch_),
                         .validation = validation ? &*validation : nullptr});
  state.epoch_loss_sum = state.epoch_correct = state.epoch_samples = 0;
  if (validation) judge(*validation);
}

/// Best model and early stopping.
void TrainingLoop::judge(const Evaluation& validation) {
  RunState& state = parts_.state;
  state.last_loss = validation.loss;
  state.last_accuracy = validation.accuracy;
  if (validation.loss < state.best_loss - parts_.config.early_stopping.minimum_improvement) {
    state.best_loss = validation.loss;
    state.epochs_without_improvement = 0;
  } else {
    ++state.epochs_without_improvement;
  }
  const bool best = validation.accuracy > state.best_accuracy;
  if (best) {
    state.best_accuracy = validation.accuracy;
    state.best_step = state.step;
  }
  if (best && parts_.config.checkpoint.keep_best) save(true);
  if (stops_early())
    parts_.recorder.event(state, "stopped early: no better validation loss for " +
                                     std::to_string(state.epochs_without_improvement) + " epochs");
}

/// A checkpoint holds a state that is finished, checked and in host memory.
void TrainingLoop::save(bool best) {
  const Activity saving(Phase::checkpoint);
  settle();
  parts_.engine.download();
  parts_.recorder.checkpoint(parts_.state, best);
}

/// What follows is true only of files that are complete and verified; and an error of rank 0 is everybody's.
void TrainingLoop::finish_saving() {
  const Activity saving(Phase::checkpoint, "the last files");
  on_rank_zero(parts_.group, "end of the last checkpoint", [this] { parts_.recorder.finish(); });
}

/// A function of the position alone: all ranks compare their states at the same steps.
bool TrainingLoop::is_ledger_step(bool epoch_ended) const {
  const auto every = static_cast<std::uint64_t>(parts_.config.ledger.every_steps);
  return every > 0 && (epoch_ended || parts_.state.step % every == 0);
}

ControlWord TrainingLoop::agree(bool compare_states) {
  const Activity agreeing(Phase::control);
  ControlWord word{.step = parts_.state.step, .stop = stop_requested() ? 1U : 0U};
  if (parts_.config.debug || compare_states) {
    settle();
    parts_.engine.download();
    word.hash = raw_state_hash(parts_.replica, parts_.optimizer);
  }
  const std::optional<Error> failure = parts_.recorder.failure();
  return trainer::agree(parts_.group, word, failure ? &*failure : nullptr);
}

bool TrainingLoop::stops_early() const {
  const int patience = parts_.config.early_stopping.patience;
  return patience > 0 && parts_.state.epochs_without_improvement >= patience;
}

}  // namespace annulus::trainer
