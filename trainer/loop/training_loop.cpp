// The main path of the program: one step is loader -> forward and backward -> reduction -> update -> record.
#include "trainer/loop/training_loop.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/stop_request.hpp"
#include "base/vital_signs.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/loop/schedule.hpp"
#include "trainer/loop/state_hash.hpp"

namespace annulus::trainer {

namespace {

/// "SIGTERM", and which rank was the first to hear of it.
std::string who_asked(const ControlWord& word, int ranks) {
  const std::string signal = stop_reason(static_cast<int>(word.stop));
  return ranks == 1 ? signal : fmt::format("{}, sent to rank {}", signal, word.stopped);
}

/// Of the epoch so far; nothing where it is not measured.
std::optional<TopAccuracy> epoch_top(const RunState& state) {
  if (state.epoch_top_samples == 0) return std::nullopt;
  return TopAccuracy{state.top_k, state.epoch_top / state.epoch_top_samples};
}

}  // namespace

/// Rounded up, so that half an epoch of 3 steps is 2 of them. But 0.07 epochs of 100 steps come to
/// 7.000000000000001 in binary and are 7: a billionth of a step is rounding, nothing that was asked for.
std::uint64_t total_steps(double epochs, std::uint64_t steps_per_epoch) {
  return static_cast<std::uint64_t>(std::ceil(epochs * static_cast<double>(steps_per_epoch) - 1e-9));
}

TrainingLoop::TrainingLoop(const TrainingParts& parts)
    : parts_(parts),
      steps_per_epoch_(parts.sampler.steps_per_epoch()),
      total_steps_(total_steps(parts.config.epochs, steps_per_epoch_)),
      reading_(parts.training) {}

Outcome TrainingLoop::run() {
  const Activity training(Phase::step);
  count_top(parts_.config.loss.top_k, parts_.state);
  seek();
  training_since_ = steady_seconds();
  while (parts_.state.step < total_steps_ && !stops_early()) {
    try {
      if (!advance()) continue;
      reading_.tell();
      return Outcome::stopped;
    } catch (const GoBack& bad) {
      go_back(bad);
    }
  }
  save(false);
  finish_saving();
  reading_.tell();
  return Outcome::finished;
}

/// One step and what is due after it. @return whether the run was asked to stop, and is saved
bool TrainingLoop::advance() {
  RunState& state = parts_.state;
  step();
  const bool epoch_ended = at_end_of_epoch() || state.step == total_steps_;
  if (epoch_ended) finish_epoch();
  const bool ledger_due = is_ledger_step(epoch_ended);
  if (const ControlWord word = agree(ledger_due); word.stop != 0) {
    parts_.recorder.event(state, "stopped on request: " + who_asked(word, parts_.group.size()));
    save(false);
    finish_saving();
    return true;
  }
  if (parts_.recorder.checkpoint_due(state))
    save(false);
  else if (ledger_due)
    parts_.recorder.ledger(state);
  return false;
}

void TrainingLoop::seek() {
  parts_.loader.seek(parts_.state.step / steps_per_epoch_, parts_.state.step % steps_per_epoch_);
}

void TrainingLoop::step() {
  RunState& state = parts_.state;
  const Config& config = parts_.config;
  const std::uint64_t number = state.step + 1;
  note_step(number);
  const double rate = learning_rate(config.schedule, config.optimizer.learning_rate, config.epochs,
                                    state.step, steps_per_epoch_);

  // Also for a step that is passed over: the loader has to go past its samples as well.
  const io::Batch& batch = parts_.loader.next();
  reading_.note(batch);
  if (pass_over()) return;
  StepOrder order{.learning_rate = rate,
                  .loss_limit = loss_limit(config.anomaly, state.anomalies.losses, number),
                  .spoil = parts_.hook ? parts_.hook->begins(number) : Spoil::nothing};
  if (order.spoil == Spoil::input && !spoil_input(batch)) order.spoil = Spoil::gradient;
  parts_.engine.begin(batch, order);  // forward and backward, sum over all shards, update
  begun_.push_back(
      {.record = {.step = number, .epoch = batch.epoch, .samples = batch.samples, .learning_rate = rate},
       .loss_limit = order.loss_limit,
       .spoil = order.spoil});
  state.step = number;
  record_steps(parts_.engine.steps_ahead());
}

/// Goes past a step for which the run went back: it counts, and changes nothing.
bool TrainingLoop::pass_over() {
  RunState& state = parts_.state;
  if (!passes_over(parts_.config.anomaly, state.anomalies, state.step + 1)) return false;
  ++state.step;
  parts_.recorder.event(state, fmt::format("step {} is passed over: the run went back for it", state.step));
  return true;
}

/// Takes results from the engine until at most `unfinished` steps are left. Records appear in the order of
/// the steps, and a step is checked before anything that follows from it is saved. All ranks see the same
/// sums, so all of them do the same about a bad step, at most one step late.
void TrainingLoop::record_steps(std::size_t unfinished) {
  while (begun_.size() > unfinished) {
    const StepResult result = parts_.engine.finish();
    const Begun begun = begun_.front();
    begun_.pop_front();
    StepRecord record = begun.record;
    const auto samples = static_cast<double>(record.samples);
    record.loss = result.loss_sum / samples;
    record.accuracy = result.correct / samples;
    if (const int k = parts_.config.loss.top_k; k > 0) record.top = TopAccuracy{k, result.top / samples};
    record.gradient_norm = result.gradient_norm;
    if (result.verdict == Verdict::good) {
      this->record(record, result);
    } else {
      handle({.step = record.step,
              .epoch = record.epoch,
              .step_in_epoch = (record.step - 1) % steps_per_epoch_,
              .loss = record.loss,
              .loss_limit = begun.loss_limit,
              .result = result,
              .spoil = begun.spoil});
    }
  }
}

void TrainingLoop::record(const StepRecord& record, const StepResult& result) {
  RunState& state = parts_.state;
  state.epoch_loss_sum += result.loss_sum;
  state.epoch_correct += result.correct;
  state.epoch_samples += static_cast<double>(record.samples);
  if (record.top) {
    state.epoch_top += result.top;
    state.epoch_top_samples += static_cast<double>(record.samples);
  }
  state.anomalies.skipped_in_a_row = 0;
  if (parts_.config.anomaly.spike_factor > 0) state.anomalies.losses.add(record.step, record.loss);
  parts_.recorder.step(record);
}

/// What the config says about a bad step.
void TrainingLoop::handle(const BadStep& bad) {
  const AnomalyConfig& config = parts_.config.anomaly;
  const std::string diagnosis = diagnose(
      {parts_.group, parts_.replica, parts_.loader, parts_.config.debug ? ValueChecks::on : ValueChecks::off},
      bad);
  seek();  // the diagnosis has sent the loader back to the bad step
  if (config.policy == AnomalyPolicy::skip) return skip(bad, diagnosis);
  if (config.policy == AnomalyPolicy::stop)
    throw RuntimeError(
        "{} The step changed nothing, and the last checkpoint is intact; to go on past such steps, resume with anomaly.policy=skip or rollback.",
        diagnosis);
  if (parts_.state.anomalies.rollbacks >= config.rollback_limit)
    throw RuntimeError("{} The run has gone back {} times, as often as anomaly.rollback_limit allows.",
                       diagnosis, config.rollback_limit);
  throw GoBack(bad.step, diagnosis);
}

void TrainingLoop::skip(const BadStep& bad, const std::string& diagnosis) {
  AnomalyHistory& history = parts_.state.anomalies;
  const int limit = parts_.config.anomaly.skip_limit;
  if (history.skipped_in_a_row >= limit)
    throw RuntimeError(
        "{} {} steps before it were bad as well, as many in a row as anomaly.skip_limit allows. The last checkpoint is intact.",
        diagnosis, limit);
  ++history.skipped;
  ++history.skipped_in_a_row;
  parts_.recorder.event(parts_.state,
                        fmt::format("{} Skipped step {}: it changed nothing.", diagnosis, bad.step));
}

void TrainingLoop::go_back(const GoBack& bad) {
  const Activity restoring(Phase::restoring);
  for (; !begun_.empty(); begun_.pop_front()) parts_.engine.finish();  // of a state that is given up
  AnomalyHistory known = parts_.state.anomalies;
  known.went_back.at(static_cast<std::size_t>(known.rollbacks++)) = bad.step;
  on_rank_zero(parts_.group, "going back to a checkpoint", [&] {
    if (const auto restored = parts_.recorder.go_back())
      parts_.state = *restored;
    else
      start_afresh(state_parts(), parts_.config.seed);
  });
  share_state(parts_.group, state_parts());
  count_top(parts_.config.loss.top_k, parts_.state);
  parts_.state.anomalies.went_back = known.went_back;
  parts_.state.anomalies.rollbacks = known.rollbacks;
  seek();
  parts_.recorder.event(parts_.state, fmt::format("{} Back to step {}; step {} will be passed over.",
                                                  bad.what(), parts_.state.step, bad.step));
  training_since_ = steady_seconds();
}

StateParts TrainingLoop::state_parts() const {
  return {parts_.replica, parts_.optimizer, parts_.engine, parts_.state};
}

void TrainingLoop::finish_epoch() {
  RunState& state = parts_.state;
  const Config& config = parts_.config;
  settle();  // the sums of the epoch are complete, and the model is that of its last step
  const double training_seconds = steady_seconds() - training_since_;
  std::optional<Evaluation> validation;
  if (parts_.validation) validation = parts_.validation->run();
  parts_.recorder.epoch({.epoch = (state.step - 1) / steps_per_epoch_,
                         .step = state.step,
                         .loss = state.epoch_loss_sum / state.epoch_samples,
                         .accuracy = state.epoch_correct / state.epoch_samples,
                         .top = epoch_top(state),
                         .learning_rate = learning_rate(config.schedule, config.optimizer.learning_rate,
                                                        config.epochs, state.step - 1, steps_per_epoch_),
                         .training_seconds = training_seconds,
                         .validation = validation ? &*validation : nullptr,
                         .read = reading_.finish_epoch(parts_.group)});
  // A run that ends within an epoch may go on: the row of this epoch is then that of all its steps.
  if (at_end_of_epoch()) {
    state.epoch_loss_sum = state.epoch_correct = state.epoch_samples = 0;
    state.epoch_top = state.epoch_top_samples = 0;
  }
  if (validation) judge(*validation);
  training_since_ = steady_seconds();
}

/// Best model and early stopping, by the same figure. Of models that are equally good the latest is the best
/// one.
void TrainingLoop::judge(const Evaluation& validation) {
  RunState& state = parts_.state;
  state.last_loss = validation.loss;
  state.last_accuracy = validation.accuracy;
  const BestBy figure = parts_.config.checkpoint.best_by;
  const ValidationFigures now = figures_of(validation);
  if (has_improved(now, state.improved, figure, parts_.config.early_stopping.minimum_improvement)) {
    state.improved = now;
    state.epochs_without_improvement = 0;
  } else if (at_end_of_epoch()) {  // a part of one says too little
    ++state.epochs_without_improvement;
  }
  const bool best = !is_better(state.best, now, figure);
  if (best) {
    state.best = now;
    state.best_step = state.step;
  }
  if (best && parts_.config.checkpoint.keep_best) save(true);
  if (stops_early())
    parts_.recorder.event(state, fmt::format("stopped early: no better validation {} for {} epochs",
                                             phrase_of(figure), state.epochs_without_improvement));
}

/// A checkpoint holds a state that is finished, checked and in host memory.
void TrainingLoop::save(bool best) {
  settle();
  const Activity saving(Phase::checkpoint);
  const double began = steady_seconds();
  parts_.engine.download();
  parts_.recorder.checkpoint(parts_.state, best);
  training_since_ += steady_seconds() - began;
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
  compare_states = compare_states || parts_.config.debug;
  // A GPU is a step ahead of what is known of it; states are compared at a step that is over on every rank.
  if (compare_states) settle();
  const Activity agreeing(Phase::control);
  ControlWord word{.step = parts_.state.step, .stop = static_cast<std::uint32_t>(stop_signal())};
  if (compare_states) {
    parts_.engine.download();
    word.hash = raw_state_hash(parts_.replica, parts_.optimizer);
  }
  const std::optional<Error> failure = this->failure();
  return trainer::agree(parts_.group, word, failure ? &*failure : nullptr);
}

/// Why this rank cannot go on after a step, before anything of the step is saved.
std::optional<Error> TrainingLoop::failure() const {
  // Of rank 0, whose files may fail while it trains on: the recorders of the others never fail.
  if (const std::optional<Error> failed = parts_.recorder.failure()) return failed;
  return failure_of(parts_.training);
}

bool TrainingLoop::at_end_of_epoch() const { return parts_.state.step % steps_per_epoch_ == 0; }

bool TrainingLoop::stops_early() const {
  const int patience = parts_.config.early_stopping.patience;
  return patience > 0 && parts_.state.epochs_without_improvement >= patience;
}

}  // namespace annulus::trainer
