// See resumed_state.hpp.
#include "trainer/run/resumed_state.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "trainer/loop/best_model.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

std::string or_nothing(const std::string& text) { return text.empty() ? "nothing" : text; }

/// Nothing where it cannot be read.
std::optional<RunState> stored_state(const CheckpointInfo& info) {
  try {
    return run_state_from_json(info.metrics);
  } catch (const DataError& error) {
    log_debug("the run state of step {}: {}", info.step, error.what());
    return std::nullopt;
  }
}

RunState rebuilt_state(const CheckpointInfo& info, const ValidationNow& now) {
  log_warning(
      "the checkpoint of step {} does not tell any more how the run stood (its attribute `metrics` cannot be read). Model and optimizer are whole, and training goes on from there; early stopping counts from here, and the means of the epoch under way are those of its later steps",
      info.step);
  RunState state{.step = info.step};
  const std::optional<CheckpointInfo> best = now.best ? now.best() : std::nullopt;
  if (!best || best->step > info.step || best->validation_data != info.validation_data) return state;
  if (const auto known = stored_state(*best); known && known->best_step == best->step) {
    state.best = known->best;
    state.best_step = known->best_step;
    state.improved = known->improved;
    state.improved_by = known->improved_by;
  }
  return state;
}

bool says_what_is_validated_on(const std::string& key) {
  return key == "data.test" || key.starts_with("data.test_") || key.starts_with("data.validation");
}

/// Keys that say what to validate on and differ: for checkpoints that do not note the samples.
std::string other_keys(const Config& then, const Config& now) {
  std::map<std::string, std::string> before;
  for (const Origin& value : config_values(then)) before[value.key] = value.value;
  std::vector<std::string> texts;
  for (const Origin& value : config_values(now))
    if (says_what_is_validated_on(value.key) && before[value.key] != value.value)
      texts.push_back(to_string(KeyDifference{value.key, before[value.key], value.value}));
  return fmt::format("{}", fmt::join(texts, "; "));
}

float smoothing_of(const Config& config) {
  return config.loss.smooth_validation ? config.loss.label_smoothing : 0.0f;
}

/// What can be told from the configuration that the checkpoint was made with.
std::string change_by_keys(const CheckpointInfo& info, const Config& now) {
  try {
    const Config then = parse_stored_config(info.config, "the checkpoint").config;
    if (info.validation_data.empty())
      if (const std::string keys = other_keys(then, now); !keys.empty())
        return fmt::format("validation was otherwise before step {} ({})", info.step, keys);
    if (now.checkpoint.best_by == BestBy::loss && smoothing_of(then) != smoothing_of(now))
      return fmt::format("the loss of validation had a label smoothing of {}, and has one of {} now",
                         smoothing_of(then), smoothing_of(now));
  } catch (const UsageError& error) {  // of another making: nothing is found to differ
    log_debug("the validation of the earlier start is not known: {}", error.what());
  }
  return "";
}

/// How validation was otherwise before; empty where its figures can be compared.
std::string change_of_validation(const CheckpointInfo& info, const RunState& state,
                                 const ValidationNow& now) {
  if (info.validation_data != now.validation_data && !info.validation_data.empty())
    return fmt::format("validation was on {} ({}), and is on {} now ({})", info.validated_on,
                       info.validation_data, or_nothing(now.validated_on), or_nothing(now.validation_data));
  return state.best_step == 0 ? "" : change_by_keys(info, now.config);
}

}  // namespace

RunState resumed_state(const CheckpointInfo& info, const ValidationNow& now) {
  const std::optional<RunState> stored = stored_state(info);
  RunState state = stored ? *stored : rebuilt_state(info, now);
  const bool same_samples = info.validation_data == now.validation_data;
  if (!same_samples && now.config.data.validation_fraction > 0 && state.step > 0)
    log_warning(
        "the samples for validation are others than before step {}: the model may have been trained on some of them, and figures on those are better than on new samples. A new run keeps them apart",
        state.step);
  const BestBy before = state.improved_by;
  const BestBy figure = now.config.checkpoint.best_by;
  if (judge_improvement_by(figure, state) && (same_samples || info.validation_data.empty()) &&
      now.config.early_stopping.patience > 0)
    log_info(
        "epochs without improvement were judged by the {}, and are by the {} now: early stopping counts from here",
        phrase_of(before), phrase_of(figure));
  const std::string change = change_of_validation(info, state, now);
  if (change.empty()) return state;
  forget_validations(state);
  log_info("{}: the best model is chosen anew, and early stopping counts from here", change);
  return state;
}

void require_sound(const CheckpointInfo& info, const std::string& path) {
  if (const auto state = stored_state(info); state && state->step != info.step)
    throw DataError("{}: its attribute `step` is {}, but its run state is of step {}. It is damaged.", path,
                    info.step, state->step);
  if (!is_fingerprint(info.dataset))
    throw DataError("{}: its attribute `dataset` does not describe training data: {}. It is damaged.", path,
                    quoted_name(info.dataset, 80));
}

}  // namespace annulus::trainer
