// First how many of each class, then which of them.
#include "io/dataset/stratified_choice.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/random.hpp"

namespace annulus::io {
namespace {

struct Share {
  std::uint64_t samples = 0;  ///< of the class
  std::uint64_t taken = 0;
  double rest = 0;  ///< what rounding down has left; below 0 where the class can give no more
};

Share share_of(std::uint64_t samples, double fraction) {
  if (samples < 2) return {.samples = samples, .rest = -1};
  const double wanted = fraction * static_cast<double>(samples);
  const auto below = static_cast<std::uint64_t>(wanted);
  const std::uint64_t taken = std::clamp<std::uint64_t>(below, 1, samples - 1);
  const bool can_give = taken == below && taken < samples - 1;
  return {.samples = samples, .taken = taken, .rest = can_give ? wanted - static_cast<double>(below) : -1};
}

/// Largest remainders first, as seats are dealt out in elections; the lower class where two are equal.
void deal_out_rest(std::vector<Share>& shares, std::uint64_t wanted) {
  std::uint64_t taken = 0;
  for (const Share& share : shares) taken += share.taken;
  std::vector<std::size_t> order(shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return shares[a].rest > shares[b].rest; });
  for (const std::size_t at : order) {
    if (taken >= wanted || shares[at].rest < 0) return;
    ++shares[at].taken;
    ++taken;
  }
}

std::uint64_t seed_of_class(std::uint64_t seed, std::size_t number) {
  const auto words = philox(
      stream_key(seed, Purpose::split),
      {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(std::uint64_t{number} >> 32), 0, 0});
  return std::uint64_t{words[0]} << 32 | words[1];
}

/// Places among the samples of a class, in ascending order.
std::vector<std::uint64_t> places_of(const Share& share, std::uint64_t seed) {
  const Permutation order(seed, 0, share.samples);
  std::vector<std::uint64_t> places(share.taken);
  for (std::uint64_t i = 0; i < share.taken; ++i) places[i] = order(i);
  std::sort(places.begin(), places.end());
  return places;
}

/// Number of samples of every class.
std::vector<std::uint64_t> counts_of(std::span<const std::int32_t> labels) {
  const std::int32_t largest = labels.empty() ? -1 : *std::max_element(labels.begin(), labels.end());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(largest + 1));
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

/// Goes through the samples and notes those whose turn it is in their class.
std::vector<bool> chosen_among(std::span<const std::int32_t> labels,
                               const std::vector<std::vector<std::uint64_t>>& places) {
  std::vector<bool> chosen(labels.size());
  std::vector<std::uint64_t> seen(places.size());
  std::vector<std::size_t> next(places.size());
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const auto label = static_cast<std::size_t>(labels[row]);
    const std::uint64_t place = seen[label]++;
    if (next[label] == places[label].size() || places[label][next[label]] != place) continue;
    ++next[label];
    chosen[row] = true;
  }
  return chosen;
}

}  // namespace

StratifiedChoice choose_stratified(std::span<const std::int32_t> labels, double fraction,
                                   std::uint64_t seed) {
  expect_contract(fraction > 0 && fraction < 1, "a part of the samples is chosen");
  StratifiedChoice choice;
  std::vector<Share> shares;
  for (const std::uint64_t count : counts_of(labels)) {
    if (count == 1) choice.lone_classes.push_back(static_cast<std::int32_t>(shares.size()));
    shares.push_back(share_of(count, fraction));
  }
  const bool none = std::all_of(shares.begin(), shares.end(), [](const Share& s) { return s.taken == 0; });
  if (none)
    throw UsageError(
        "none of the {} training samples can be kept for validation: no class has two, and both parts need one of each.",
        labels.size());
  deal_out_rest(shares,
                static_cast<std::uint64_t>(std::llround(fraction * static_cast<double>(labels.size()))));
  std::vector<std::vector<std::uint64_t>> places;
  places.reserve(shares.size());
  for (const Share& share : shares) places.push_back(places_of(share, seed_of_class(seed, places.size())));
  choice.chosen = chosen_among(labels, places);
  return choice;
}

}  // namespace annulus::io
