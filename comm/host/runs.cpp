// Cuts.
#include "comm/host/runs.hpp"

#include <algorithm>

namespace annulus::comm {

std::vector<Run> make_runs(std::span<const Bucket> buckets, std::size_t elements) {
  std::vector<Run> runs;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    for (std::size_t begin = buckets[bucket].begin; begin < buckets[bucket].end; begin += elements) {
      runs.push_back({bucket, begin, std::min(begin + elements, buckets[bucket].end)});
    }
  }
  return runs;
}

Bucket part_of_run(const Run& run, int rank, int ranks) {
  constexpr std::size_t kLine = 16;  // floats
  const std::size_t count = run.end - run.begin;
  const std::size_t lines = (count + kLine - 1) / kLine;
  const auto border = [&](int index) {
    const auto whole = lines * static_cast<std::size_t>(index) / static_cast<std::size_t>(ranks);
    return run.begin + std::min(whole * kLine, count);
  };
  return {border(rank), border(rank + 1)};
}

}  // namespace annulus::comm
