#include "rich/identification/pid_table.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::rich {

double Share::value() const {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double Share::error() const {
  return whole == 0 ? 0 : std::sqrt(value() * (1 - value()) / static_cast<double>(whole));
}

std::vector<Species> species_of_classes(const std::vector<std::string>& classes, const std::string& where) {
  std::vector<Species> result;
  for (const std::string& name : classes) {
    const auto species = enum_of<Species>(name);
    if (!species)
      throw DataError(
          "{}: '{}' among the classes ({}) is not a particle, so there is no table of particles. Possible are {}; for other data there is `annulus evaluate`.",
          where, shown_name(name), shown_names(classes), fmt::join(enum_words<Species>(), ", "));
    if (std::ranges::find(result, *species) != result.end())
      throw DataError("{}: class '{}' comes twice; its tracks could not be told apart.", where,
                      shown_name(name));
    result.push_back(*species);
  }
  return result;
}

PidTable::PidTable(std::vector<Species> classes)
    : classes_(std::move(classes)),
      counts_(classes_.size() * classes_.size()),
      losses_(classes_.size()),
      with_loss_(classes_.size()) {}

void PidTable::add(std::size_t truth, std::span<const double> probabilities) {
  expect_contract(probabilities.size() == size(), "a probability for every class");
  const auto largest = std::ranges::max_element(probabilities);
  add(truth, static_cast<std::size_t>(largest - probabilities.begin()));
  // The same floor as in training and evaluation: a probability of 0 does not make the mean infinite.
  losses_[truth] -= std::log(std::max(probabilities[truth], static_cast<double>(FLT_MIN)));
  with_loss_[truth] += 1;
}

void PidTable::add(std::size_t truth, std::size_t predicted, std::uint64_t tracks) {
  expect_contract(truth < size() && predicted < size(), "classes of the table");
  counts_[truth * size() + predicted] += tracks;
  tracks_ += tracks;
}

bool PidTable::occurs(std::size_t index) const { return efficiency(index).whole + purity(index).whole > 0; }

Share PidTable::efficiency(std::size_t index) const {
  Share share{.part = count(index, index)};
  for (std::size_t k = 0; k < size(); ++k) share.whole += count(index, k);
  return share;
}

Share PidTable::purity(std::size_t index) const {
  Share share{.part = count(index, index)};
  for (std::size_t k = 0; k < size(); ++k) share.whole += count(k, index);
  return share;
}

Share PidTable::field(std::size_t truth, std::size_t predicted) const {
  return {count(truth, predicted), tracks_};
}

Share PidTable::overall() const {
  Share share{.whole = tracks_};
  for (std::size_t k = 0; k < size(); ++k) share.part += count(k, k);
  return share;
}

double PidTable::macro_average() const {
  double sum = 0;
  double classes = 0;
  for (std::size_t k = 0; k < size(); ++k) {
    const Share share = efficiency(k);
    if (!share.exists()) continue;
    sum += share.value();
    classes += 1;
  }
  return classes == 0 ? 0 : sum / classes;
}

Share PidTable::named_as(Species truth, MassGroup group) const {
  Share share;
  const std::optional<std::size_t> row = index_of_class(truth);
  for (std::size_t k = 0; row && k < size(); ++k) {
    share.whole += count(*row, k);
    if (group_of(classes_[k]) == group) share.part += count(*row, k);
  }
  return share;
}

Share PidTable::made_of(Species predicted, MassGroup group) const {
  Share share;
  const std::optional<std::size_t> column = index_of_class(predicted);
  for (std::size_t k = 0; column && k < size(); ++k) {
    share.whole += count(k, *column);
    if (group_of(classes_[k]) == group) share.part += count(k, *column);
  }
  return share;
}

std::optional<double> PidTable::loss(std::size_t index) const {
  if (with_loss_[index] == 0 || with_loss_[index] != efficiency(index).whole) return std::nullopt;
  return losses_[index] / static_cast<double>(with_loss_[index]);
}

std::optional<double> PidTable::loss() const {
  const std::uint64_t tracks = std::accumulate(with_loss_.begin(), with_loss_.end(), std::uint64_t{0});
  if (tracks == 0 || tracks != tracks_) return std::nullopt;
  return std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(tracks);
}

std::optional<std::size_t> PidTable::index_of_class(Species species) const {
  const auto found = std::ranges::find(classes_, species);
  if (found == classes_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - classes_.begin());
}

}  // namespace annulus::rich
