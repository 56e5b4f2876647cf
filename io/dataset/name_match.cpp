// Names are compared once, when a source is opened: what remains for each sample is a table of numbers.
#include "io/dataset/name_match.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "io/dataset/doubled_name.hpp"

namespace annulus::io {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t kShown = 6;

std::string list_of(const Names& names) {
  Names shown;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) shown.push_back(quoted_name(names[i]));
  if (names.size() > kShown) shown.push_back(fmt::format("... ({} in all)", names.size()));
  return fmt::format("{}", fmt::join(shown, ", "));
}

bool are_numbers(const Names& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

using Places = std::unordered_map<std::string, std::size_t>;

/// @throws DataError for a name that stands there twice: nobody can tell which one is meant
Places places_of(const Names& names, const std::string& owner, const char* what) {
  if (const auto doubled = doubled_name(names))
    throw DataError(
        "{}: the {} {}, so names cannot be compared with those of the model. Give each a name of its own.",
        owner, what, doubled_text(names, *doubled));
  Places places;
  for (std::size_t i = 0; i < names.size(); ++i) places.emplace(names[i], i);
  return places;
}

[[noreturn]] void refuse_classes(const SourceInfo& info, const Names& unknown, const Names& known) {
  const std::string near = nearest_name(unknown.front(), known);
  throw DataError(
      "{}: has samples of classes that the model was not trained on: {}. Its classes are {}.{} Leave those samples out (`annulus predict` does without labels: data.labels=none). If they are classes of the model under another name, write the model's names into the attribute `classes` of the file, index = label (h5py: file.attrs[\"classes\"] = [...]); or add --allow-change data.classes, with which a label is the number of the model's output whatever the names say.",
      info.name, list_of(unknown), list_of(known),
      near.empty() ? ""
                   : fmt::format(" Is {} meant by {}?", quoted_name(near), quoted_name(unknown.front())));
}

/// Which of so many labels samples have; all, where the labels are not known.
std::vector<bool> used_labels(const SampleSource& source, std::size_t count) {
  std::vector<bool> used(count, source.all_labels().empty());
  for (const std::int32_t label : source.all_labels())
    if (label >= 0 && static_cast<std::size_t>(label) < used.size())
      used[static_cast<std::size_t>(label)] = true;
  return used;
}

/// The number that a name is, written as numbers usually are.
std::optional<std::int64_t> number_of(const std::string& name) {
  std::int64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  const bool whole = error == std::errc{} && stop == end && number >= 0;
  return whole && std::to_string(number) == name ? std::optional(number) : std::nullopt;
}

/// Names that are numbers of outputs, but not of those at their places: then a label without a name may mean
/// either. @return the first such place, of those that samples have
std::optional<std::size_t> other_number(const Names& names, const std::vector<bool>& used,
                                        const MatchOptions& options) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i < used.size() && !used[i]) continue;
    const std::optional<std::int64_t> number = number_of(names[i]);
    if (!number) return std::nullopt;
    const std::int64_t output = *number - options.first_label;
    if (output < 0 || (options.outputs > 0 && output >= options.outputs)) return std::nullopt;
    if (!found && output != static_cast<std::int64_t>(i)) found = i;
  }
  return found;
}

/// @throws DataError where one side has numbers alone, and the names of the other are other numbers
void refuse_other_numbers(const SampleSource& source, const DataSignature& model,
                          const MatchOptions& options) {
  const SourceInfo& info = source.info();
  const Names& names = info.numbered ? model.classes : info.classes;
  const auto place = other_number(names, used_labels(source, names.size()), options);
  if (!place) return;
  throw DataError(
      "{}: {} by numbers that are not those of their labels ({} is called {}), and {}, so nobody can tell which output of the model a label means. Number the labels as in training, and name each class by its own number or none at all (attribute `classes`); or add --allow-change data.classes, with which a label is the number of the model's output whatever the names say.",
      info.name, info.numbered ? "the data of the training call their classes" : "calls its classes", *place,
      quoted_name(names[*place]), info.numbered ? "it names none" : "those of the training named none");
}

/// Classes of the source that the model does not know and that samples have.
Names missing_classes(const SampleSource& source, const std::vector<std::int32_t>& labels) {
  const Names& names = source.info().classes;
  const std::vector<bool> used = used_labels(source, names.size());
  Names missing;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (labels[i] == kNoClass && used[i]) missing.push_back(names[i]);
  return missing;
}

/// The model's names, and numbers for labels beyond them.
Names extended(Names names, std::size_t count) {
  while (names.size() < count) names.push_back(std::to_string(names.size()));
  return names;
}

ClassMap classes_by_number(const SourceInfo& info, const DataSignature& model, bool labelled = true) {
  if (model.classes.empty()) return {{}, info.classes, !info.numbered};
  return {{}, extended(model.classes, labelled ? info.classes.size() : 0)};
}

std::string mapped_note(const SourceInfo& info, const ClassMap& map) {
  std::size_t moved = 0, first = info.classes.size();
  for (std::size_t i = 0; i < map.labels.size(); ++i) {
    if (map.labels[i] == static_cast<std::int32_t>(i) || map.labels[i] == kNoClass) continue;
    first = std::min(first, i);
    ++moved;
  }
  if (moved == 0) return {};
  return fmt::format(
      "{} numbers its classes otherwise than the data of the training did ({} is {} there and was {}{}): its labels are taken by name.",
      info.name, quoted_name(info.classes[first]), first, map.labels[first],
      moved > 1 ? fmt::format(", and {} more", moved - 1) : "");
}

/// For each label of the source that of the model with the same name, or kNoClass.
std::vector<std::int32_t> labels_by_name(const SourceInfo& info, const DataSignature& model) {
  const Places known = places_of(model.classes, "the model's training data", "class");
  std::vector<std::int32_t> labels(info.classes.size(), kNoClass);
  for (const auto& [name, place] : places_of(info.classes, info.name, "class"))
    if (const auto found = known.find(name); found != known.end())
      labels[place] = static_cast<std::int32_t>(found->second);
  return labels;
}

std::string number_note(const SourceInfo& info, const char* who, const char* but) {
  return fmt::format("{}: its labels are taken as the numbers of the model's outputs, since {} no classes{}.",
                     info.name, who, but);
}

constexpr const char* kTrainingNamed = "the data of the training named";

/// @param what  has the columns: "input track"
/// @param key  of the configuration, that names their dataset
ColumnMap columns_by_name(const std::string& source, const std::string& what, const char* key,
                          const Names& own, const Names& model, Names& notes) {
  if (own == model) return {};
  if (own.empty() || model.empty()) {
    notes.push_back(fmt::format(
        "{}: the columns of the {} are taken as they stand, since {} no names (attribute `columns`).", source,
        what, own.empty() ? "the file gives them" : "in training they had"));
    return {};
  }
  places_of(model, "the model's training data, " + what, "column");  // each its own
  const Places places = places_of(own, fmt::format("{}, {}", source, what), "column");
  Names missing;
  ColumnMap map;
  for (const std::string& name : model) {
    const auto found = places.find(name);
    if (found == places.end())
      missing.push_back(name);
    else
      map.push_back(found->second);
  }
  if (!missing.empty())
    throw DataError(
        "{}: lacks columns of the {} that the model was trained on: {}. The file has {}. Name the right dataset in {}, or, if only the names differ, correct its attribute `columns`, or add --allow-change data.columns, with which columns are taken as they stand.",
        source, what, list_of(missing), list_of(own), key);
  notes.push_back(
      fmt::format("{}: the columns of the {} are taken by name, as they stand otherwise than in training.",
                  source, what));
  return map;
}

}  // namespace

ClassMap match_classes(const SampleSource& source, const DataSignature& model, const MatchOptions& options,
                       Names& notes) {
  const SourceInfo& info = source.info();
  const bool same = !info.numbered && info.classes == model.classes;
  if (!options.labelled || options.classes_by_number || same || (info.numbered && model.classes.empty()))
    return classes_by_number(info, model, options.labelled);
  if (info.numbered || model.classes.empty()) {
    refuse_other_numbers(source, model, options);
    // A list "0", "1", ... says no more than numbers do.
    if (!are_numbers(info.numbered ? model.classes : info.classes))
      notes.push_back(number_note(info, info.numbered ? "it names" : kTrainingNamed, ""));
    return classes_by_number(info, model);
  }
  ClassMap map{labels_by_name(info, model), model.classes};
  const Names missing = missing_classes(source, map.labels);
  if (missing.empty()) {
    if (std::string note = mapped_note(info, map); !note.empty()) notes.push_back(std::move(note));
    return map;
  }
  if (!are_numbers(info.classes) && !are_numbers(model.classes)) refuse_classes(info, missing, model.classes);
  notes.push_back(
      number_note(info, are_numbers(info.classes) ? "it names" : kTrainingNamed, " but by number"));
  return classes_by_number(info, model);
}

ColumnMap match_columns(const SourceInfo& info, std::size_t k, const VectorNames& model, Names& notes) {
  const Names own = k < info.columns.size() ? info.columns[k] : Names{};
  return columns_by_name(info.name, "input " + info.vectors[k].name, "data.inputs", own, model.columns,
                         notes);
}

ColumnMap match_values(const SourceInfo& info, const Names& model, Names& notes) {
  if (!info.shape.flat) return {};
  return columns_by_name(info.name, "flat vectors", "data.images", info.value_names, model, notes);
}

}  // namespace annulus::io
