// Shifts, checks and names.
#include "io/import/class_numbers.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/dataset/doubled_name.hpp"

namespace annulus::io {
namespace {

struct Extreme {
  std::int32_t label = 0;
  std::string place;
};

/// The smallest and the largest label of all.
std::pair<Extreme, Extreme> extremes(const std::vector<SourceLabels>& splits) {
  Extreme smallest;
  Extreme largest;
  bool first = true;
  for (const SourceLabels& split : splits)
    for (const std::int32_t label : split.labels) {
      if (first || label < smallest.label) smallest = {label, split.place};
      if (first || label > largest.label) largest = {label, split.place};
      first = false;
    }
  return {smallest, largest};
}

}  // namespace

std::vector<std::string> number_classes(const ClassNumbering& numbering, std::vector<SourceLabels>& splits) {
  constexpr std::int32_t kMostClasses = 1'000'000;
  if (const auto doubled = doubled_name(numbering.names))
    throw UsageError("Class names: {}, so nobody could tell the two by name. Give each a name of its own.",
                     doubled_text(numbering.names, *doubled));
  const auto [smallest, largest] = extremes(splits);
  const std::int32_t first = numbering.first_label;
  if (first < 0 || first > kMostClasses)
    throw UsageError("The first label is {}, but it must be at least 0.", first);
  if (smallest.label < first)
    throw DataError("{}: has the label {}, but the first one is {}{}.", smallest.place, smallest.label, first,
                    first > 0 ? " (--first-label)" : "");
  if (largest.label >= kMostClasses)
    throw DataError("{}: has the label {}, which is not a class number. Are these the labels?", largest.place,
                    largest.label);
  const std::int32_t count = largest.label - first + 1;
  if (!numbering.names.empty() && static_cast<std::size_t>(count) > numbering.names.size())
    throw DataError("{}: has the label {}, but only {} class names were given.", largest.place, largest.label,
                    numbering.names.size());
  if (first == 0 && smallest.label == 1)
    log_warning(
        "{}: no label is 0, the smallest is 1. If the labels count from 1, --first-label 1 makes the first class of it; as it is, class 0 has no images.",
        smallest.place);
  for (SourceLabels& split : splits)
    for (std::int32_t& label : split.labels) label -= first;
  if (!numbering.names.empty()) return numbering.names;
  std::vector<std::string> names;
  for (std::int32_t k = 0; k < count; ++k) names.push_back(std::to_string(first + k));
  return names;
}

}  // namespace annulus::io
