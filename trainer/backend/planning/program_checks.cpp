// One set of sentences for all backends.
#include "trainer/backend/planning/program_checks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace annulus::trainer {
namespace {

template <class T>
SearchedTensor searched_values(std::span<const T> values) {
  return {values.size(),
          [values](std::size_t first, std::size_t count) -> std::optional<SearchedTensor::Bad> {
            const auto range = values.subspan(first, count);
            const auto bad = std::ranges::find_if(
                range, [](T value) { return !(std::abs(value) <= T{std::numeric_limits<float>::max()}); });
            if (bad == range.end()) return std::nullopt;
            return SearchedTensor::Bad{first + static_cast<std::size_t>(bad - range.begin()),
                                       static_cast<float>(*bad)};
          }};
}

}  // namespace

SearchedTensor searched(std::span<const float> values) { return searched_values(values); }
SearchedTensor searched(std::span<const double> values) { return searched_values(values); }

std::string ProgramChecks::sample_of(const SearchedTensor& values, const Bad& bad) const {
  const std::size_t row = bad.index / (values.size / samples_);
  return numbers_.empty() ? fmt::format("image {}", row) : fmt::format("sample {}", numbers_[row]);
}

/// Adds the value and the samples whose rows have one like it.
BadValue ProgramChecks::describe(BadValue found, const SearchedTensor& values, const Bad& bad) const {
  found.value = bad.value;
  const std::size_t row = values.size / samples_;
  for (std::size_t i = 0; i < numbers_.size(); ++i)
    if (values.first_bad(i * row, row)) found.add_sample(numbers_[i]);
  return found;
}

void ProgramChecks::images(const SearchedTensor& values) const {
  const auto bad = values.first_bad(0, values.size);
  if (!bad) return;
  throw BadValueError(
      describe({.place = BadPlace::image}, values, *bad),
      fmt::format(
          "{} has a pixel of {}, before any layer saw it: the gradient of the whole step would be lost. Look at the dataset with `annulus data show`, and at augmentation and normalisation (a deviation of zero?).",
          sample_of(values, *bad), bad->value));
}

void ProgramChecks::vectors(const SearchedTensor& values) const {
  const auto bad = values.first_bad(0, values.size);
  if (!bad) return;
  auto column = static_cast<std::int64_t>(bad->index % (values.size / samples_));
  std::size_t k = 0;
  while (column >= network_.vectors[k].length) column -= network_.vectors[k++].length;
  throw BadValueError(
      describe({.place = BadPlace::vector, .layer = static_cast<std::int32_t>(k)}, values, *bad),
      fmt::format(
          "{} has a value of {} in its input {} (column {}), before any layer saw it: the gradient of the whole step would be lost. Look at the dataset that data.inputs names for it.",
          sample_of(values, *bad), bad->value, network_.vectors[k].name, column));
}

void ProgramChecks::check_pass(int layer, BadPlace place, const SearchedTensor& values) const {
  const auto bad = values.first_bad(0, values.size);
  if (!bad) return;
  const bool forward = place == BadPlace::output;
  throw BadValueError(
      describe({.place = place, .layer = layer}, values, *bad),
      fmt::format(
          "layer {} {} {} for {} in its {} pass. From here on nothing can be learned. Look at the layer before it in the network and at that sample; a smaller learning rate or clip_norm often helps.",
          network_.layers[static_cast<std::size_t>(layer)].name, forward ? "put out" : "passed back",
          bad->value, sample_of(values, *bad), forward ? "forward" : "backward"));
}

void ProgramChecks::output(int layer, const SearchedTensor& values) const {
  check_pass(layer, BadPlace::output, values);
}

void ProgramChecks::passed_back(int layer, const SearchedTensor& values) const {
  check_pass(layer, BadPlace::passed_back, values);
}

void ProgramChecks::parameter_gradient(int layer, int parameter, const SearchedTensor& values) const {
  const auto bad = values.first_bad(0, values.size);
  if (!bad) return;
  const Layer& described = network_.layers[static_cast<std::size_t>(layer)];
  throw BadValueError(
      {.place = BadPlace::gradient, .layer = layer, .parameter = parameter, .value = bad->value},
      fmt::format(
          "layer {}: the gradient of its {} is {} in the backward pass (samples {} to {}). The parameters would be lost. A smaller learning rate or clip_norm often helps.",
          described.name, described.parameters[static_cast<std::size_t>(parameter)].name, bad->value,
          numbers_.front(), numbers_.back()));
}

}  // namespace annulus::trainer
