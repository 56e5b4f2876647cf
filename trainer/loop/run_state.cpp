// The JSON form of a run's state. Infinity is written as null, since JSON has no word for it.
#include "trainer/loop/run_state.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/enum_words.hpp"
#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::trainer {
namespace {

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

/// @throws DataError unless the key holds a whole number that is not negative: others would be bent into one
template <class Whole>
void read_whole(const nlohmann::json& json, const char* key, Whole& value) {
  const nlohmann::json& stored = json.at(key);
  const bool fits =
      stored.is_number_unsigned() &&
      stored.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<Whole>::max());
  if (!fits)
    throw DataError(
        "the run state in a checkpoint has {} = {}, but a count is needed. The checkpoint is damaged; resume from another one.",
        key, stored.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 60));
  value = stored.get<Whole>();
}

void read_real(const nlohmann::json& json, const char* key, double& value) {
  const nlohmann::json& stored = json.at(key);
  value = stored.is_null() ? std::numeric_limits<double>::infinity() : stored.get<double>();
}

nlohmann::json to_json(const AnomalyHistory& history) {
  const auto first = [](const auto& values, int count) {
    return nlohmann::json(std::vector(values.begin(), values.begin() + count));
  };
  return {{"skipped", history.skipped},
          {"skipped_in_a_row", history.skipped_in_a_row},
          {"went_back", first(history.went_back, history.rollbacks)},
          {"recent_losses", first(history.losses.values, history.losses.count)},
          {"recent_losses_end", history.losses.last_step}};
}

/// Fills the front of an array. @return how many
template <class T, std::size_t N>
int read_first(const nlohmann::json& json, std::array<T, N>& values) {
  const auto read = json.get<std::vector<T>>();
  if (read.size() > N)
    throw DataError(
        "the run state in a checkpoint lists {} values where there can be {}. The checkpoint is damaged or from another version of the program; resume from another one.",
        read.size(), N);
  std::copy(read.begin(), read.end(), values.begin());
  return static_cast<int>(read.size());
}

nlohmann::json to_json(const ValidationFigures& figures) {
  return {
      {"loss", number(figures.loss)}, {"accuracy", figures.accuracy}, {"macro_recall", figures.macro_recall}};
}

void read_figures(const nlohmann::json& json, ValidationFigures& figures) {
  read_real(json, "loss", figures.loss);
  json.at("accuracy").get_to(figures.accuracy);
  json.at("macro_recall").get_to(figures.macro_recall);
}

/// Checkpoints of earlier versions, which stopped by the loss, name no figure.
BestBy figure_in(const nlohmann::json& json) {
  if (!json.contains("improved_by")) return BestBy::loss;
  const auto word = json.at("improved_by").get<std::string>();
  const std::optional<BestBy> figure = enum_of<BestBy>(word);
  if (!figure)
    throw DataError(
        "the run state in a checkpoint has improved_by = {}, which is no figure of a validation. The checkpoint is damaged or from another version of the program; resume from another one.",
        quoted_name(word));
  return *figure;
}

/// Checkpoints of earlier versions know the accuracy of the best model, and the lowest loss of any.
void read_validations(const nlohmann::json& json, RunState& state) {
  if (json.contains("best")) {
    read_figures(json.at("best"), state.best);
    read_figures(json.at("improved"), state.improved);
    return;
  }
  json.at("best_accuracy").get_to(state.best.accuracy);
  read_real(json, "best_loss", state.improved.loss);
  state.improved.accuracy = state.best.accuracy;
}

AnomalyHistory anomalies_from(const nlohmann::json& json) {
  AnomalyHistory history;
  read_whole(json, "skipped", history.skipped);
  read_whole(json, "skipped_in_a_row", history.skipped_in_a_row);
  history.rollbacks = read_first(json.at("went_back"), history.went_back);
  history.losses.count = read_first(json.at("recent_losses"), history.losses.values);
  read_whole(json, "recent_losses_end", history.losses.last_step);
  return history;
}

}  // namespace

std::string to_json(const RunState& state) {
  return nlohmann::json{{"step", state.step},
                        {"epoch_loss_sum", number(state.epoch_loss_sum)},
                        {"epoch_correct", state.epoch_correct},
                        {"epoch_samples", state.epoch_samples},
                        {"epoch_top", state.epoch_top},
                        {"epoch_top_samples", state.epoch_top_samples},
                        {"top_k", state.top_k},
                        {"best", to_json(state.best)},
                        {"best_step", state.best_step},
                        {"improved", to_json(state.improved)},
                        {"best_accuracy", state.best.accuracy},      // for older versions,
                        {"best_loss", number(state.improved.loss)},  // which stop by the loss
                        {"epochs_without_improvement", state.epochs_without_improvement},
                        {"improved_by", word_of(state.improved_by)},
                        {"last_loss", number(state.last_loss)},
                        {"last_accuracy", state.last_accuracy},
                        {"anomalies", to_json(state.anomalies)}}
      .dump();
}

void forget_validations(RunState& state) {
  state.best = state.improved = {};
  state.best_step = 0;
  state.epochs_without_improvement = 0;
}

bool judge_improvement_by(BestBy figure, RunState& state) {
  if (std::exchange(state.improved_by, figure) == figure) return false;
  return std::exchange(state.epochs_without_improvement, 0) > 0;
}

void count_top(int k, RunState& state) {
  if (std::exchange(state.top_k, k) != k) state.epoch_top = state.epoch_top_samples = 0;
}

RunState run_state_from_json(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    RunState state;
    read_whole(json, "step", state.step);
    read_real(json, "epoch_loss_sum", state.epoch_loss_sum);
    json.at("epoch_correct").get_to(state.epoch_correct);
    json.at("epoch_samples").get_to(state.epoch_samples);
    if (json.contains("top_k")) {  // checkpoints of earlier versions know none
      read_whole(json, "top_k", state.top_k);
      json.at("epoch_top").get_to(state.epoch_top);
      json.at("epoch_top_samples").get_to(state.epoch_top_samples);
    }
    read_validations(json, state);
    read_whole(json, "best_step", state.best_step);
    read_whole(json, "epochs_without_improvement", state.epochs_without_improvement);
    state.improved_by = figure_in(json);
    read_real(json, "last_loss", state.last_loss);
    json.at("last_accuracy").get_to(state.last_accuracy);
    if (json.contains("anomalies"))  // checkpoints of earlier versions know none
      state.anomalies = anomalies_from(json.at("anomalies"));
    return state;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(
        "the run state in a checkpoint cannot be read ({}). The checkpoint is damaged or from another version of the program; resume from another one.",
        error.what());
  }
}

}  // namespace annulus::trainer
