// Rank 0 reads; texts travel with their length in front.
#include "trainer/commands/common/origin.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <span>

#include "trainer/loop/best_model.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {
namespace {

/// Whether the validations of its run have chosen this model.
bool was_chosen(const ModelSource& source, const CheckpointInfo& info) {
  if (info.validation_data.empty()) return false;
  const RunState state = run_state_from_json(info.metrics);
  const int patience = source.config.early_stopping.patience;
  if (patience > 0 && state.epochs_without_improvement >= patience) return true;
  // Whoever names the latest checkpoint takes it because it is the latest, even where it is the best as well.
  return state.best_step == info.step && info.step > 0 &&
         std::filesystem::path(source.checkpoint).filename() != "latest";
}

ModelOrigin read_origin(const ModelSource& source) {
  const CheckpointInfo info = read_checkpoint_info(source.checkpoint);
  return {.training_data = info.dataset,
          .validated_on = info.validated_on,
          .validation_data = info.validation_data,
          .chosen = was_chosen(source, info)};
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
  std::uint8_t chosen = origin.chosen ? 1 : 0;
  group.broadcast(std::as_writable_bytes(std::span(&chosen, 1)), 0, "whether the model was chosen");
  origin.chosen = chosen != 0;
  return origin;
}

std::string remark_on_choice(const ModelOrigin& origin, const std::string& judged_on, BestBy figure) {
  if (!origin.chosen || origin.validation_data != judged_on) return "";
  return fmt::format(
      "These samples chose the model, as the best of its run by the {} on '{}': these figures are the best of all epochs, and new samples will see lower ones. Train with data.validation_fraction=0.1 (or a group for validation) to keep them apart.",
      phrase_of(figure), origin.validated_on);
}

}  // namespace annulus::trainer
