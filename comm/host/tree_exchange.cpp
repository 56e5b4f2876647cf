// The fixed tree across ranks, as a few runs under way at a time, each a small state machine:
//
//   gather   rank j receives everybody's nodes for the j-th part of the run, and sends the rest of its own
//   sum      it combines them in the order of the tree (tree_plan.cpp), the root into its own first node
//   spread   it sends the sum to all, and receives the other parts of it
//
// With one node per rank each rank sends (W - 1)/W of the run twice, as in a ring, but in two rounds of
// messages instead of 2 (W - 1), and with an order of additions that does not depend on W.
#include <algorithm>

#include "comm/host/add.hpp"
#include "comm/host/buffer_pool.hpp"
#include "comm/host/exchange.hpp"
#include "comm/host/tree_staging.hpp"

namespace annulus::comm {
namespace {

// A rank's part of a run: 256 KB, so that the parts of all nodes of a run stay in the cache of a core. With 2
// ranks on a host 64 KB are a third slower for 1 MB messages, 1 MB parts at most 5 % faster.
constexpr std::size_t kPartElements = std::size_t{1} << 16;
constexpr std::size_t kRunsUnderWay = 4;
constexpr int kPlaces = 4096;  // pairs of tags

enum class Phase { idle, gather, spread };

/// A run under way.
struct Slot {
  Phase phase = Phase::idle;
  std::size_t run = 0;
  std::vector<std::unique_ptr<Transfer>> pending;
  std::vector<float*> operands;  ///< by node of the plan: its values for this rank's part
  AlignedFloats staging;         ///< as TreeStaging has it
};

class TreeExchange final : public Exchange {
 public:
  TreeExchange(ProcessGroup& group, const ReducerOptions& options, const OwnNodes& own);
  const std::vector<Run>& runs() const override { return runs_; }
  bool start(std::size_t run) override;
  void advance(std::span<std::size_t> unfinished) override;

 private:
  Bucket part(const Run& run, int rank) const { return part_of_run(run, rank, group_.size()); }
  std::span<float> part_of(float* buffer, const Run& run, int rank) const;
  int tag(const Slot& slot) const;
  int peer(int distance) const { return (group_.rank() + distance) % group_.size(); }

  void send_nodes(Slot& slot, int to);
  void receive_nodes(Slot& slot, int from);
  void sum(Slot& slot);
  void spread(Slot& slot);

  ProcessGroup& group_;
  const OwnNodes& own_;
  int first_tag_;
  TreePlan plan_;
  TreeStaging staging_;
  std::vector<Run> runs_;
  std::vector<Slot> slots_;
};

TreeExchange::TreeExchange(ProcessGroup& group, const ReducerOptions& options, const OwnNodes& own)
    : group_(group),
      own_(own),
      first_tag_(kReservedTags + static_cast<int>(options.purpose) * 2 * kPlaces),
      plan_(make_tree_plan(options.shards, group.size())),
      staging_(plan_, group.rank(), kPartElements),
      runs_(make_runs(options.buckets, kPartElements * static_cast<std::size_t>(group.size()))),
      slots_(std::min(kRunsUnderWay, runs_.size())) {
  for (Slot& slot : slots_) slot.operands.resize(plan_.nodes.size());
}

/// The same part in a buffer laid out like the gradients.
std::span<float> TreeExchange::part_of(float* buffer, const Run& run, int rank) const {
  const auto [begin, end] = part(run, rank);
  return {buffer + begin, end - begin};
}

/// Messages between two ranks with one tag arrive in the order sent, so tags may come round again.
int TreeExchange::tag(const Slot& slot) const {
  const int place = static_cast<int>(slot.run % kPlaces);
  return first_tag_ + 2 * place + (slot.phase == Phase::spread ? 1 : 0);
}

bool TreeExchange::start(std::size_t run) {
  const auto slot = std::ranges::find(slots_, Phase::idle, &Slot::phase);
  if (slot == slots_.end()) return false;
  slot->phase = Phase::gather;
  slot->run = run;
  for (std::size_t i = 0; i < own_.nodes().size(); ++i)
    slot->operands[plan_.first_node(group_.rank()) + i] =
        part_of(own_.node(i), runs_[run], group_.rank()).data();
  // Receives first, so that what arrives early lands where it belongs. By distance, not by rank: else all
  // ranks would send to rank 0 first.
  for (int distance = 1; distance < group_.size(); ++distance)
    receive_nodes(*slot, peer(group_.size() - distance));
  for (int distance = 1; distance < group_.size(); ++distance) send_nodes(*slot, peer(distance));
  return true;
}

void TreeExchange::receive_nodes(Slot& slot, int from) {
  const auto [begin, end] = part(runs_[slot.run], group_.rank());
  // Made at the first run, then kept. Not for own nodes: those are read where they lie.
  if (!slot.staging) slot.staging = allocate_floats(staging_.elements());
  for (std::size_t node = plan_.first_node(from); node < plan_.first_node(from + 1); ++node) {
    slot.operands[node] = staging_.place(slot.staging.get(), node);
    if (end > begin)
      slot.pending.push_back(group_.start_receive({slot.operands[node], end - begin}, from, tag(slot)));
  }
}

void TreeExchange::send_nodes(Slot& slot, int to) {
  for (std::size_t i = 0; i < own_.nodes().size(); ++i) {
    const auto theirs = part_of(own_.node(i), runs_[slot.run], to);
    if (!theirs.empty()) slot.pending.push_back(group_.start_send(theirs, to, tag(slot)));
  }
}

/// Combines all nodes of this rank's part; the last addition, the root, writes the result where it belongs.
void TreeExchange::sum(Slot& slot) {
  const auto result = part_of(own_.node(0), runs_[slot.run], group_.rank());
  add_up(
      plan_, result.data(), [&](std::size_t node) { return slot.operands[node]; },
      [&](float* into, const float* left, const float* right) { add(into, left, right, result.size()); });
}

void TreeExchange::spread(Slot& slot) {
  const Run& run = runs_[slot.run];
  for (int distance = 1; distance < group_.size(); ++distance) {
    const int from = peer(group_.size() - distance);
    const auto theirs = part_of(own_.node(0), run, from);
    if (!theirs.empty()) slot.pending.push_back(group_.start_receive(theirs, from, tag(slot)));
  }
  const auto mine = part_of(own_.node(0), run, group_.rank());
  if (mine.empty()) return;
  for (int distance = 1; distance < group_.size(); ++distance)
    slot.pending.push_back(group_.start_send(mine, peer(distance), tag(slot)));
}

void TreeExchange::advance(std::span<std::size_t> unfinished) {
  for (Slot& slot : slots_) {
    if (slot.phase == Phase::idle) continue;
    std::erase_if(slot.pending, [](const auto& transfer) { return transfer->test(); });
    if (!slot.pending.empty()) continue;
    if (slot.phase == Phase::gather) {
      sum(slot);
      slot.phase = Phase::spread;
      spread(slot);
    } else {
      slot.phase = Phase::idle;
      --unfinished[runs_[slot.run].bucket];
    }
  }
}

}  // namespace

std::unique_ptr<Exchange> make_tree_exchange(ProcessGroup& group, const ReducerOptions& options,
                                             const OwnNodes& own) {
  return std::make_unique<TreeExchange>(group, options, own);
}

}  // namespace annulus::comm
