// Rank 0 reads; texts travel with their length in front.
#include "trainer/commands/origin.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/data_names.hpp"
#include "trainer/loop/best_model.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/run/checkpoint.hpp"
#include "trainer/validation_split.hpp"

namespace annulus::trainer {
namespace {

/// The best one of its run. Whoever names the latest checkpoint takes it because it is the latest, even where
/// it is the best as well.
bool is_best(const ModelSource& source, const CheckpointInfo& info, const RunState& state) {
  return state.best_step == info.step && info.step > 0 &&
         std::filesystem::path(source.checkpoint).filename() != "latest";
}

/// Where its run stood. A model can be judged without: nothing is then known of what chose it.
std::optional<RunState> stored_state(const CheckpointInfo& info) {
  try {
    return run_state_from_json(info.metrics);
  } catch (const DataError& error) {
    log_warning(
        "the checkpoint of step {} does not tell any more how its run stood (its attribute `metrics` cannot be read): whether these samples have chosen the model is not known",
        info.step);
    return std::nullopt;
  }
}

/// Whether the validations of its run have chosen this model.
bool was_chosen(const ModelSource& source, const CheckpointInfo& info, const RunState& state) {
  if (info.validation_data.empty()) return false;
  const int patience = source.config.early_stopping.patience;
  if (patience > 0 && state.epochs_without_improvement >= patience) return true;
  return is_best(source, info, state);
}

/// The file that the checkpoint's run was trained on; "" where its config is not understood.
std::string path_of_training(const CheckpointInfo& info) {
  try {
    return parse_stored_config(info.config, "the configuration in the checkpoint").config.data.path;
  } catch (const Error&) {
    return "";
  }
}

/// Versions that noted nothing about the validation took data.test where there was no group of that name,
/// which their configs have even where nobody gave it.
bool was_probably_chosen_by_test(const ModelSource& source, const CheckpointInfo& info,
                                 const RunState& state) {
  const DataConfig& data = source.config.data;
  if (!info.validation_data.empty() || data.path.empty()) return false;
  if (!is_best(source, info, state) || path_of_training(info) != data.path) return false;
  const std::string& name = data.validation;
  return !io::Hdf5File::open(data.path).exists(name.empty() ? kValidationGroup : name);
}

/// Whether the run was validated on its test samples.
bool validated_on_test(const ModelOrigin& origin, const Config& config) {
  if (origin.validated_on != config.data.test) return false;
  return config.data.validation.empty() ||
         (names_of(config, Split::validation).images == names_of(config, Split::test).images &&
          names_of(config, Split::validation).files == names_of(config, Split::test).files);
}

/// How to keep the test samples out of the choice.
std::string advice_for(const DataConfig& data) {
  if (!data.generator.empty()) return " Train with a group for validation to keep them apart.";
  return " Train with data.validation_fraction=0.1 (or a group for validation) to keep them apart.";
}

ModelOrigin read_origin(const ModelSource& source) {
  const CheckpointInfo info = read_checkpoint_info(source.checkpoint);
  const std::optional<RunState> state = stored_state(info);
  return {.training_data = info.dataset,
          .validated_on = info.validated_on,
          .validation_data = info.validation_data,
          .chosen = state && was_chosen(source, info, *state),
          .probably_by_test = state && was_probably_chosen_by_test(source, info, *state)};
}

void share_text(std::string& text, comm::ProcessGroup& group) {
  std::uint64_t size = text.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), 0, "length of a text about the model");
  text.resize(size);
  if (size > 0) group.broadcast(std::as_writable_bytes(std::span(text)), 0, "a text about the model");
}

}  // namespace

ModelOrigin origin_of(const ModelSource& source, comm::ProcessGroup& group) {
  ModelOrigin origin;
  on_rank_zero(group, "origin of the model", [&] { origin = read_origin(source); });
  for (std::string* text : {&origin.training_data, &origin.validated_on, &origin.validation_data})
    share_text(*text, group);
  for (bool* word : {&origin.chosen, &origin.probably_by_test}) {
    std::uint8_t chosen = *word ? 1 : 0;
    group.broadcast(std::as_writable_bytes(std::span(&chosen, 1)), 0, "whether the model was chosen");
    *word = chosen != 0;
  }
  return origin;
}

std::string remark_on_choice(const ModelOrigin& origin, const Config& config, const std::string& split,
                             const std::string& judged_on) {
  if (origin.probably_by_test && names_of(config, split) == names_of(config, Split::test))
    return "These samples probably chose the model, as the best of its run: it is of a version that did not note what it was validated on, and the file has no group for validation. Then these figures are the best of all epochs, and new samples will see lower ones." +
           advice_for(config.data);
  if (!origin.chosen || origin.validation_data != judged_on) return "";
  const bool on_test = validated_on_test(origin, config);
  const bool in_root = in_group(origin.validated_on, "").empty();
  return fmt::format(
      "These samples chose the model, as the best of its run by the {} on '{}': these figures are the best of all epochs, and new samples will see lower ones.{}",
      phrase_of(config.checkpoint.best_by),
      in_root ? names_of(config, on_test ? Split::test : Split::validation).images
              : shown_name(origin.validated_on),
      on_test ? advice_for(config.data) : "");
}

}  // namespace annulus::trainer
