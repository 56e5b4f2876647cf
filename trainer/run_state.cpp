// The JSON form of a run's state. Infinity is written as null, since JSON has no word for it.
#include "trainer/run_state.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace

std::string to_json(const RunState& state) {
  return nlohmann::json{{"step", state.step},
                        {"epoch_loss_sum", number(state.epoch_loss_sum)},
                        {"epoch_correct", state.epoch_correct},
                        {"epoch_samples", state.epoch_samples},
                        {"best_accuracy", state.best_accuracy},
                        {"best_step", state.best_step},
                        {"best_loss", number(state.best_loss)},
                        {"epochs_without_improvement", state.epochs_without_improvement},
                        {"last_loss", number(state.last_loss)},
                        {"last_accuracy", state.last_accuracy}}
      .dump();
}

RunState run_state_from_json(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    RunState state;
    json.at("step").get_to(state.step);
    json.at("epoch_loss_sum").get_to(state.epoch_loss_sum);
    json.at("epoch_correct").get_to(state.epoch_correct);
    json.at("epoch_samples").get_to(state.epoch_samples);
    json.at("best_accuracy").get_to(state.best_accuracy);
    json.at("best_step").get_to(state.best_step);
    if (!json.at("best_loss").is_null()) json.at("best_loss").get_to(state.best_loss);
    json.at("epochs_without_improvement").get_to(state.epochs_without_improvement);
    json.at("last_loss").get_to(state.last_loss);
    json.at("last_accuracy").get_to(state.last_accuracy);
    return state;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(
        "the run state in a checkpoint cannot be read ({}). The checkpoint is damaged or from another "
        "version of the program; resume from another one.",
        error.what());
  }
}

}  // namespace annulus::trainer
