#include "rich/identification/pid_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

constexpr double kEverything = std::numeric_limits<double>::infinity();

/// Every cut that makes a difference, the tightest first. Starts with the cut that keeps nothing.
std::vector<CutPoint> all_cuts(const Scores& scores) {
  std::vector<double> signal = scores.signal;
  std::vector<double> background = scores.background;
  std::ranges::sort(signal, std::greater{});
  std::ranges::sort(background, std::greater{});
  std::vector<CutPoint> points{{.cut = kEverything}};
  std::size_t kept = 0;
  std::size_t mistaken = 0;
  while (kept < signal.size() || mistaken < background.size()) {
    const double next_signal = kept < signal.size() ? signal[kept] : -kEverything;
    const double next_background = mistaken < background.size() ? background[mistaken] : -kEverything;
    const double cut = std::max(next_signal, next_background);
    // All equal scores at once, of both: a cut cannot tell them apart.
    while (kept < signal.size() && signal[kept] >= cut) ++kept;
    while (mistaken < background.size() && background[mistaken] >= cut) ++mistaken;
    points.push_back(
        {.cut = cut,
         .efficiency = static_cast<double>(kept) / static_cast<double>(signal.size()),
         .misidentification = static_cast<double>(mistaken) / static_cast<double>(background.size())});
  }
  return points;
}

bool is_empty(const Scores& scores) { return scores.signal.empty() || scores.background.empty(); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::vector<MomentumBin> between(std::span<const double> edges) {
  std::vector<MomentumBin> bins;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) bins.push_back({edges[i], edges[i + 1]});
  return bins;
}

}  // namespace

std::vector<CutPoint> cut_curve(const Scores& scores, std::size_t most) {
  expect_contract(most >= 2, "a curve has two ends");
  if (is_empty(scores)) return {};
  const std::vector<CutPoint> all = all_cuts(scores);
  std::vector<CutPoint> points;
  const double step = 1.0 / static_cast<double>(most - 1);
  // The first point is the tightest cut that keeps anything.
  for (std::size_t i = 1; i < all.size(); ++i) {
    const bool last = i + 1 == all.size();
    const bool far = points.empty() || all[i].efficiency - points.back().efficiency >= step ||
                     all[i].misidentification - points.back().misidentification >= step;
    if (last || far) points.push_back(all[i]);
  }
  return points;
}

std::optional<WorkingPoint> misidentification_at(const Scores& scores, double efficiency) {
  expect_contract(efficiency > 0 && efficiency <= 1, "an efficiency above 0, at most 1");
  if (is_empty(scores)) return std::nullopt;
  const std::vector<CutPoint> points = all_cuts(scores);
  const auto above = std::ranges::find_if(
      points, [efficiency](const CutPoint& point) { return point.efficiency >= efficiency; });
  const CutPoint& right = *above;
  const CutPoint& left = *std::prev(above);  // the cut that keeps nothing stands before all others
  const double share = (efficiency - left.efficiency) / (right.efficiency - left.efficiency);
  const double value = left.misidentification + share * (right.misidentification - left.misidentification);
  return WorkingPoint{
      .misidentification = value,
      .error = std::sqrt(value * (1 - value) / static_cast<double>(scores.background.size()))};
}

/// In units of sigma: for a quantity that is n sigma apart for the two species, ln L(kaon) - ln L(pion) is
/// n^2/2 for kaons and -n^2/2 for pions on average, n^2 apart. Medians, as tails are long.
std::optional<Separation> separation(const Scores& scores) {
  if (std::min(scores.signal.size(), scores.background.size()) < kFewest) return std::nullopt;
  Separation result{.median_signal = median(scores.signal), .median_background = median(scores.background)};
  result.sigmas = std::sqrt(std::max(0.0, result.median_signal - result.median_background));
  return result;
}

std::string MomentumBin::name() const {
  if (low <= 0 && std::isinf(high)) return "all momenta";
  if (low <= 0) return fmt::format("below {:.4g} GeV/c", high);
  if (std::isinf(high)) return fmt::format("above {:.4g} GeV/c", low);
  return fmt::format("{:.4g} to {:.4g} GeV/c", low, high);
}

std::vector<MomentumBin> curve_bins() {
  constexpr std::array<double, 6> kEdges{0, 5, 9.3, 17.7, 35.3, kEverything};
  std::vector<MomentumBin> bins{{0, kEverything}};
  for (const MomentumBin& bin : between(kEdges)) bins.push_back(bin);
  return bins;
}

std::vector<MomentumBin> separation_bins() {
  constexpr std::array<double, 15> kEdges{2, 3, 4, 5, 7, 9.3, 12, 15, 17.7, 22, 28, 35.3, 48, 65, 100};
  return between(kEdges);
}

}  // namespace annulus::rich
