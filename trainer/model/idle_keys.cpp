// Which kind uses which key stands in the tables of kinds; what refines what stands here.
#include "trainer/model/idle_keys.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "trainer/model/config_overrides.hpp"

namespace annulus::trainer {
namespace {

/// A key that does nothing without one of the others.
struct Refinement {
  const char* key;
  std::vector<const char*> of;
};

const std::vector<Refinement>& refinements() {
  static const std::vector<Refinement> all{
      {"augmentation.fill_mode",
       {"augmentation.rotation_range", "augmentation.width_shift_range", "augmentation.height_shift_range",
        "augmentation.shear_range", "augmentation.zoom_range"}},
      {"augmentation.constant_value", {"augmentation.fill_mode", "augmentation.crop_padding"}},
      {"augmentation.crop_fill_mode", {"augmentation.crop_padding"}},
      {"augmentation.channel_shift_clip", {"augmentation.channel_shift_range"}},
      {"augmentation.alternating_flip", {"augmentation.horizontal_flip"}},
      {"augmentation.crop_scale", {"augmentation.crop"}},
      {"augmentation.crop_ratio", {"augmentation.crop"}},
      {"augmentation.crop_resize", {"augmentation.crop"}},
      {"loss.smooth_validation", {"loss.label_smoothing"}},
      {"data.class_shares", {"data.sampling"}},
      {"early_stopping.minimum_improvement", {"early_stopping.patience"}},
      {"anomaly.spike_window", {"anomaly.spike_factor"}},
      {"anomaly.skip_limit", {"anomaly.policy"}},
      {"anomaly.rollback_limit", {"anomaly.policy"}},
      {"anomaly.rollback_steps", {"anomaly.policy"}}};
  return all;
}

/// "a", "a and b", "a, b and c".
std::string list_of(const std::vector<std::string>& words, const char* last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? fmt::format(" {} ", last) : ", ") + words[i];
  return text;
}

/// Why a key of a group with kinds does nothing; empty when the group's kind uses it.
template <class Rows, class Kind>
std::string reason_of_kind(const Rows& rows, Kind kind, const std::string& group, const std::string& key,
                           const Places& places) {
  if (!key.starts_with(group + ".")) return "";
  const std::string name = key.substr(group.size() + 1);
  const std::vector<std::string> words = words_using(rows, name);
  if (words.empty() || uses(row_of(rows, kind), name)) return "";
  const auto place = places.find(group + ".kind");
  return fmt::format("{} is for {}, and {}.kind is {} ({})", name, list_of(words, "and"), group,
                     word_of(kind), place == places.end() ? "the default" : place->second);
}

std::string reason_of_refinement(const std::string& key, const Places& places) {
  for (const Refinement& refinement : refinements()) {
    if (key != refinement.key) continue;
    const auto given = [&](const char* other) { return places.contains(other); };
    if (std::any_of(refinement.of.begin(), refinement.of.end(), given)) return "";
    return fmt::format("it only refines {}, which is not set",
                       list_of({refinement.of.begin(), refinement.of.end()}, "or"));
  }
  return "";
}

}  // namespace

std::vector<IdleKey> idle_keys(const Config& config, const Places& places) {
  const std::vector<Origin> defaults = config_values(Config{});
  const auto is_default = [&](const Origin& value) {
    return std::any_of(defaults.begin(), defaults.end(), [&](const Origin& other) {
      return other.key == value.key && other.value == value.value;
    });
  };
  std::vector<IdleKey> idle;
  for (const Origin& value : config_values(config)) {
    if (!places.contains(value.key) || is_default(value)) continue;
    std::string reason = reason_of_kind(kOptimizers, config.optimizer.kind, "optimizer", value.key, places) +
                         reason_of_kind(kSchedules, config.schedule.kind, "schedule", value.key, places) +
                         reason_of_refinement(value.key, places);
    if (!reason.empty()) idle.push_back({value.key, value.value, std::move(reason)});
  }
  return idle;
}

void check_idle_keys(const Config& config, const Places& places) {
  const std::vector<IdleKey> idle = idle_keys(config, places);
  if (idle.empty()) return;
  std::vector<std::string> sentences;
  std::vector<std::string> drops;
  for (const IdleKey& key : idle) {
    const std::string& place = places.at(key.key);
    sentences.push_back(fmt::format("{}: {} = {} has no effect: {}.", place, key.key, key.value, key.reason));
    if (place != kCommandLine) drops.push_back(key.key + "=null");
  }
  const std::string how = drops.empty()
                              ? ""
                              : fmt::format(", or add {} to the command line, as if the file did not have {}",
                                            fmt::join(drops, " "), drops.size() == 1 ? "it" : "them");
  const bool one = idle.size() == 1;
  throw UsageError("{}{}Remove {}{}.", fmt::join(sentences, "\n"), one ? " " : "\n", one ? "it" : "them",
                   how);
}

}  // namespace annulus::trainer
