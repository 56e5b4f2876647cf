// The fixed tree across ranks on GPUs: one run after another, because each fills the links by itself.
#include <algorithm>

#include "comm/device/exchange.hpp"
#include "comm/host/exchange_driver.hpp"
#include "comm/host/runs.hpp"
#include "comm/host/tree_staging.hpp"

namespace annulus::comm {
namespace {

class DeviceTreeExchange final : public DeviceExchange {
 public:
  DeviceTreeExchange(DeviceGroup& group, const ReducerOptions& options, std::vector<float*> nodes,
                     std::size_t part_elements);
  void start(std::size_t bucket, DeviceStream compute) override;
  void finish(DeviceStream compute) override;
  bool capturable() const override { return true; }

 private:
  Bucket part(const Run& run, int rank) const { return part_of_run(run, rank, size_); }
  std::size_t longest_part() const;
  float* theirs(std::size_t node) const { return staging_.place(memory_, node); }
  void gather(const Run& run);
  void sum(const Run& run);
  void spread(const Run& run);
  std::string purpose(const Run& run) const { return bucket_purpose(run.bucket, buckets_); }

  DeviceWork& work_;
  DeviceLink& link_;
  int rank_;
  int size_;
  std::size_t buckets_;
  TreePlan plan_;
  bool pairs_;
  std::vector<Run> runs_;
  std::vector<float*> nodes_;
  TreeStaging staging_;
  float* memory_ = nullptr;  ///< of the staging
};

DeviceTreeExchange::DeviceTreeExchange(DeviceGroup& group, const ReducerOptions& options,
                                       std::vector<float*> nodes, std::size_t part_elements)
    : work_(group.work()),
      link_(*group.link()),
      rank_(group.host().rank()),
      size_(group.host().size()),
      buckets_(options.buckets.size()),
      plan_(make_tree_plan(options.shards, size_)),
      pairs_(pairs_up(plan_)),
      runs_(make_runs(options.buckets, part_elements * static_cast<std::size_t>(size_))),
      nodes_(std::move(nodes)),
      staging_(plan_, rank_, longest_part()),
      memory_(work_.allocate(staging_.elements(), "sums of the other ranks")) {}

std::size_t DeviceTreeExchange::longest_part() const {
  std::size_t longest = 0;
  for (const Run& run : runs_) {
    const auto [begin, end] = part(run, rank_);
    longest = std::max(longest, end - begin);
  }
  return longest;
}

void DeviceTreeExchange::start(std::size_t bucket, DeviceStream compute) {
  // The note is what wait() and poll() read on the host: a stream does not say what it is busy with, and a
  // message that names the bucket needs to know.
  work_.order(compute, work_.stream());
  work_.take_note(static_cast<int>(bucket) + 1, work_.stream());
  for (const Run& run : runs_) {
    if (run.bucket != bucket) continue;
    gather(run);
    sum(run);
    spread(run);
  }
}

void DeviceTreeExchange::gather(const Run& run) {
  const auto [begin, end] = part(run, rank_);
  // All sends and receives between open() and close() are one exchange: one after another they could wait for
  // each other in a circle.
  link_.open();
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    const auto [their_begin, their_end] = part(run, peer);
    for (float* node : nodes_)
      if (their_end > their_begin) link_.send(node + their_begin, their_end - their_begin, peer);
    for (std::size_t node = plan_.first_node(peer); node < plan_.first_node(peer + 1); ++node)
      if (end > begin) link_.receive(theirs(node), end - begin, peer);
  }
  link_.close(purpose(run));
}

/// Combines all nodes of this rank's part; the root is written where the result belongs.
void DeviceTreeExchange::sum(const Run& run) {
  const auto [begin, end] = part(run, rank_);
  if (begin == end) return;
  std::vector<float*> operands(plan_.nodes.size());
  for (std::size_t node = 0; node < operands.size(); ++node) {
    operands[node] = staging_.is_own(node) ? nodes_[node - plan_.first_node(rank_)] + begin : theirs(node);
  }
  float* const result = nodes_[0] + begin;
  const std::vector<const float*> sources(operands.begin(), operands.end());
  if (pairs_ && work_.add_pairwise(result, sources, end - begin, work_.stream())) return;
  const std::size_t count = end - begin;
  add_up(
      plan_, result, [&](std::size_t node) { return operands[node]; },
      [&](float* into, const float* left, const float* right) {
        work_.add(into, left, right, count, work_.stream());
      });
}

void DeviceTreeExchange::spread(const Run& run) {
  const auto [begin, end] = part(run, rank_);
  link_.open();
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    const auto [their_begin, their_end] = part(run, peer);
    if (end > begin) link_.send(nodes_[0] + begin, end - begin, peer);
    if (their_end > their_begin) link_.receive(nodes_[0] + their_begin, their_end - their_begin, peer);
  }
  link_.close(purpose(run));
}

void DeviceTreeExchange::finish(DeviceStream compute) {
  work_.take_note(0, work_.stream());
  work_.order(work_.stream(), compute);
}

}  // namespace

std::unique_ptr<DeviceExchange> make_device_tree_exchange(DeviceGroup& group, const ReducerOptions& options,
                                                          std::vector<float*> nodes,
                                                          std::size_t part_elements) {
  return std::make_unique<DeviceTreeExchange>(group, options, std::move(nodes), part_elements);
}

}  // namespace annulus::comm
