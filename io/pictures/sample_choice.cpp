// Samples by class, or mixed.
#include "io/pictures/sample_choice.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "base/random.hpp"

namespace annulus::io {
namespace {

/// As many samples of each class as of any other, as far as it has them, and of all where there are fewer
/// rows than classes; at even distances inside a class.
std::vector<std::uint64_t> spread_over_classes(std::span<const std::int32_t> labels, std::uint64_t wanted) {
  std::map<std::int32_t, std::vector<std::uint64_t>> of_class;
  for (std::size_t i = 0; i < labels.size(); ++i) of_class[labels[i]].push_back(i);
  std::vector<const std::vector<std::uint64_t>*> classes;
  classes.reserve(of_class.size());
  for (const auto& [label, samples] : of_class) classes.push_back(&samples);
  std::vector<std::uint64_t> share(classes.size(), 0);
  std::uint64_t dealt = 0;
  if (wanted < classes.size()) {
    for (; dealt < wanted; ++dealt) share[dealt * classes.size() / wanted] = 1;
  }
  while (dealt < wanted) {
    for (std::size_t k = 0; k < classes.size() && dealt < wanted; ++k) {
      if (share[k] == classes[k]->size()) continue;
      ++share[k];
      ++dealt;
    }
  }
  std::vector<std::uint64_t> chosen;
  for (std::size_t k = 0; k < classes.size(); ++k)
    for (std::uint64_t i = 0; i < share[k]; ++i)
      chosen.push_back((*classes[k])[(2 * i + 1) * classes[k]->size() / (2 * share[k])]);
  return chosen;
}

}  // namespace

std::vector<std::uint64_t> choose_samples(const SampleSource& source, std::uint64_t wanted) {
  const std::uint64_t all = source.info().samples;
  const std::span<const std::int32_t> labels = source.all_labels();
  wanted = std::min(wanted, all);
  if (!labels.empty())
    return spread_over_classes(labels.first(std::min<std::size_t>(labels.size(), all)), wanted);
  // A fixed distance would meet the order in which classes may have been dealt out.
  const Permutation mixed(0, 0, all);
  std::vector<std::uint64_t> chosen;
  for (std::uint64_t i = 0; i < wanted; ++i) chosen.push_back(mixed(i));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace annulus::io
