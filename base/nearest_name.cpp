// Edit distance by rows of the usual table.
#include "base/nearest_name.hpp"

#include <algorithm>
#include <numeric>

#include "base/lower_case.hpp"

namespace annulus::io {
namespace {

std::size_t edit_distance(const std::string& from, const std::string& to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = 0;
  const std::string small = lower_case(name);
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(small, lower_case(candidate));
    if (2 * distance > std::max(name.size(), candidate.size())) continue;
    if (!best.empty() && distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace annulus::io
