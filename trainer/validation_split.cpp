// Which group, which part, and what to say about it.
#include "trainer/validation_split.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "io/dataset/stratified_choice.hpp"
#include "io/dataset/subset.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_names.hpp"

namespace annulus::trainer {
namespace {

constexpr const char* kAdvice =
    "data.validation_fraction=0.1 keeps a tenth of the training samples for it, of every class.";

/// kAdvice; where the config names a group, the fraction has to take its place.
std::string advice_for(const DataConfig& data) {
  if (data.validation.empty()) return kAdvice;
  return fmt::format(
      "data.validation_fraction=0.1 instead of data.validation={} keeps a tenth of the training samples for it, of every class.",
      data.validation);
}

/// Groups of the file that hold images, for messages.
std::vector<std::string> groups_with_images(const io::Hdf5File& file, const std::string& images) {
  std::vector<std::string> groups;
  for (const std::string& name : file.members())
    if (!file.is_dataset(name) && file.exists(name + "/" + images)) groups.push_back(name);
  return groups;
}

[[noreturn]] void fail_missing(const io::Hdf5File& file, const DataConfig& data) {
  std::vector<std::string> groups = groups_with_images(file, data.images);
  std::erase(groups, data.train);
  const std::string near = io::nearest_name(data.validation, groups);
  const std::string there = groups.empty()
                                ? fmt::format("There is no group beside '{}'", data.train)
                                : fmt::format("Groups beside '{}': {}", data.train, shown_names(groups));
  throw UsageError(
      "{}: has no group '{}', which data.validation names to validate on.{} {}. Without that key {} `data.validation=none` does without validation.",
      file.path(), data.validation, near.empty() ? "" : " Did you mean " + shown_name(near) + "?", there,
      kAdvice);
}

/// Names of data sets in a group that nobody reads.
/// @throws UsageError when the config has such names
void refuse_idle_names(const DataConfig& data, const std::string& reason) {
  for (const auto& [key, value] : {std::pair{"data.validation_images", &data.validation_images},
                                   std::pair{"data.validation_labels", &data.validation_labels}})
    if (!value->empty())
      throw UsageError(
          "{} = {} names a data set of the validation group, but {}, so it would not be read. Name that group with data.validation (/ is the root of the file), or remove {}.",
          key, *value, reason, key);
}

/// "1, 5, 7 and 12 more" by name.
std::string class_list(const std::vector<std::int32_t>& classes, const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> shown;
  for (const std::int32_t label : classes)
    if (shown.size() < kShown)
      shown.push_back(static_cast<std::size_t>(label) < names.size()
                          ? shown_name(names[static_cast<std::size_t>(label)])
                          : std::to_string(label));
  const std::size_t hidden = classes.size() - shown.size();
  return fmt::format("{}{}", fmt::join(shown, ", "), hidden > 0 ? fmt::format(" and {} more", hidden) : "");
}

void tell_of_lone_classes(const std::vector<std::int32_t>& classes, const io::SourceInfo& info) {
  if (classes.empty()) return;
  log_info("{}: {} class(es) have one sample, which stays in training: validation does not judge {}.",
           info.name, classes.size(), class_list(classes, info.classes));
}

bool fits_into_memory(const io::SourceInfo& info, const DataConfig& data) {
  return info.samples * io::sample_bytes(info) <= std::max(data.resident_mb, data.window_mb) << 20;
}

/// Why nothing is validated.
std::string reason_of_none(const DataConfig& data) {
  if (data.validation == kNoValidation) return fmt::format("data.validation is {}", kNoValidation);
  if (!names_files(data)) return "data.generator makes no samples for validation";
  return fmt::format("{}: has neither a group '{}' nor '{}'", files_text(data), kValidationGroup, data.test);
}

void announce_none(const Config& config) {
  const std::string reason = reason_of_none(config.data);
  const int patience = config.early_stopping.patience;
  const BestBy figure = config.checkpoint.best_by;
  if (patience > 0 || figure != BestBy::accuracy) {
    throw UsageError(
        "{}, so nothing is validated, but {} goes by a validation. Name a group with data.validation; or {}",
        reason,
        patience > 0 ? fmt::format("early_stopping.patience = {}", patience)
                     : fmt::format("checkpoint.best_by = {}", word_of(figure)),
        advice_for(config.data));
  }
  if (config.data.validation == kNoValidation)
    return log_info("{}: no checkpoint is the best one, the latest is the model", reason);
  log_info("{}, so nothing is validated and no checkpoint is the best one: the latest is the model. {}",
           reason, kAdvice);
}

/// Why the validation samples are the test samples; "" when they are not.
std::string reason_of_test(const Config& config, const std::string& validated_on) {
  const DataConfig& data = config.data;
  if (data.validation.empty() && validated_on != kValidationGroup && validated_on == data.test)
    return fmt::format("as there is no group '{}'", kValidationGroup);
  if (!names_files(data)) return "";  // made by a generator, for each split
  const SplitNames judged = names_of(config, Split::validation), test = names_of(config, Split::test);
  const bool same = judged.images == test.images && judged.files == test.files;
  return same ? "which are the test samples as well" : "";
}

/// The group, or in the root of a file the data set.
std::string shown_name(const SplitNames& names) {
  return in_group(names.group, "").empty() ? names.images : names.group;
}

std::string percent(double fraction) { return fmt::format("{:g} %", 100 * fraction); }

}  // namespace

std::string find_validation_group(const Config& config, const io::RowsOfFiles* training) {
  const DataConfig& data = config.data;
  const std::vector<std::string> files = image_files(data, names_of(config, Split::validation));
  const auto has = [&](const std::string& name) {
    const bool same = training != nullptr && data.validation_files.empty();
    const std::optional<bool> known = same ? training->has(name) : std::nullopt;
    return known ? *known : any_has(files, name);
  };
  if (!data.validation.empty()) {
    if (data.validation_files.empty() && data.validation == kNoValidation && !has(data.validation)) {
      refuse_idle_names(data, fmt::format("data.validation is {}", kNoValidation));
      return "";
    }
    if (has(data.validation)) return data.validation;
    fail_missing(io::Hdf5File::open(files.front()), data);
  }
  if (!data.validation_files.empty()) {
    if (has(kValidationGroup)) return kValidationGroup;
    throw UsageError(
        "{}: has no group '{}' to validate on, and no other of data.validation_files has. Name the group that they hold, e.g. data.validation={}.",
        files.front(), kValidationGroup, data.train);
  }
  const bool has_own = has(kValidationGroup);
  if (has_own && data.validation_fraction > 0)
    throw UsageError(
        "{}: has a group '{}', so no training samples are needed for validation. Remove data.validation_fraction = {}.",
        files_text(data), kValidationGroup, data.validation_fraction);
  if (has_own) return kValidationGroup;
  refuse_idle_names(data,
                    data.validation_fraction > 0
                        ? fmt::format("data.validation_fraction = {} takes a part of the training samples",
                                      data.validation_fraction)
                        : fmt::format("there is no group '{}' in {}", kValidationGroup, files_text(data)));
  if (data.test_files.empty() && data.validation_files.empty()) return has(data.test) ? data.test : "";
  return any_has(image_files(data, names_of(config, Split::test)), data.test) ? data.test : "";
}

SplitTraining split_training(const Config& config,
                             const std::function<std::unique_ptr<io::SampleSource>()>& open,
                             const NodeMemoryFactory& memory) {
  const DataConfig& data = config.data;
  const std::shared_ptr<io::SampleSource> whole = open();
  const io::SourceInfo& info = whole->info();
  io::StratifiedChoice choice =
      io::choose_stratified(whole->all_labels(), data.validation_fraction, config.seed);
  tell_of_lone_classes(choice.lone_classes, info);
  const auto held_out = std::make_shared<const io::RowSet>(choice.chosen);
  choice.chosen.flip();
  const auto rest = std::make_shared<const io::RowSet>(choice.chosen);
  const std::string share = percent(data.validation_fraction);

  SplitTraining parts;
  // Each part has a reader of its own, which may read while the other does; in memory one block serves both.
  const std::shared_ptr<io::SampleSource> other = info.resident ? whole : open();
  parts.validation =
      io::make_subset(other, held_out, fmt::format("{} ({} for validation)", info.name, share));
  if (!info.resident && fits_into_memory(parts.validation->info(), data))
    parts.validation = io::keep_in_memory(*parts.validation, memory);
  parts.training =
      io::make_subset(whole, rest, fmt::format("{} (without {} for validation)", info.name, share));
  return parts;
}

void announce_validation(const Config& config, const std::string& validated_on) {
  const DataConfig& data = config.data;
  if (validated_on.empty()) return announce_none(config);
  if (data.validation_fraction > 0)
    return log_info("validating on {} of the training samples, of every class, which training leaves out",
                    percent(data.validation_fraction));
  if (const std::string reason = reason_of_test(config, validated_on); !reason.empty())
    log_info(
        "validating on '{}' of {}, {}: `annulus evaluate` on these samples then shows the best of all epochs, more than the model can do on new ones. {}",
        shown_name(names_of(config, Split::test)), files_text(data), reason, advice_for(data));
}

}  // namespace annulus::trainer
