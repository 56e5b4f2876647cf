// The fixed tree between ranks of one host, without messages: every rank sums its part of a run straight from
// the others' buffers, writes the sum into all of them, and says so by a flag.
//
// Two ranks with one node each, and one run, cut into as many parts as there are ranks:
//
//                        part 0   part 1
//     node 0 (of rank 0)     a0       a1
//     node 1 (of rank 1)     b0       b1
//
// Rank 0 works in the column of part 0: it adds a0 + b0 into node 0 and copies the sum to node 1. Rank 1
// works in the column of part 1: it adds a1 + b1 into node 1, its own, and copies that to node 0. Afterwards
// both nodes hold the whole sum. Nobody locks anything: a column has one writer.
//
// Per run and rank there are two counters in the area. `given` = r: in its step r this rank has put its
// gradients there and has let go of them. `summed` = r: this rank's column of that run is complete in
// everybody's buffer. They only ever grow, and are compared with "<": a rank that is a step ahead is also far
// enough, so nothing has to be reset between steps, which would need a barrier. A rank cannot get two steps
// ahead, as its next `given` comes after finish(), which has seen everybody's `summed`. For the same reason
// the next step may overwrite a buffer at once: whoever has set `summed` reads and writes that run no more.
#include <algorithm>
#include <cstring>

#include "comm/host/add.hpp"
#include "comm/host/exchange.hpp"
#include "comm/host/shared_area.hpp"

namespace annulus::comm {
namespace {

class SharedExchange final : public Exchange {
 public:
  SharedExchange(ProcessGroup& group, const ReducerOptions& options, const SharedArea& area)
      : rank_(group.rank()),
        ranks_(group.size()),
        area_(area),
        plan_(make_tree_plan(options.shards, ranks_)),
        runs_(shared_runs(options, ranks_)),
        rounds_(runs_.size()),
        state_(runs_.size(), State::idle) {}

  const std::vector<Run>& runs() const override { return runs_; }
  bool start(std::size_t run) override;
  void advance(std::span<std::size_t> unfinished) override;

 private:
  enum class State { idle, given, summed };
  /// Whether every rank's flag of this run has come as far as this rank's own.
  template <class Flag>
  bool all_reached(std::size_t run, const Flag& flag) const;
  void sum(const Run& run) const;

  int rank_, ranks_;
  const SharedArea& area_;
  TreePlan plan_;
  std::vector<Run> runs_;
  std::vector<std::uint64_t> rounds_;  // by run: how often it has been started
  std::vector<State> state_;
  std::size_t first_ =
      0;  // the first run that is not finished, so that advance() need not look at all of them
  std::size_t last_ = 0;  // behind the last one that was started
};

/// Runs need no memory of their own here, so any number may be under way: it never has to be put off.
bool SharedExchange::start(std::size_t run) {
  if (run == 0) first_ = 0;
  last_ = run + 1;
  state_[run] = State::given;
  // Releases what the worker threads wrote: this thread has acquired it by OwnNodes::ready().
  area_.given(rank_, run).store(++rounds_[run], std::memory_order_release);
  return true;
}

template <class Flag>
bool SharedExchange::all_reached(std::size_t run, const Flag& flag) const {
  for (int rank = 0; rank < ranks_; ++rank)
    if (flag(rank, run).load(std::memory_order_acquire) < rounds_[run]) return false;
  return true;
}

/// idle -> given (waits until all have given) -> summed (waits until all have summed) -> idle. Both waits are
/// looks at flags; who waits for long is the caller, with its limit and its name for the wait.
void SharedExchange::advance(std::span<std::size_t> unfinished) {
  for (std::size_t run = first_; run < last_; ++run) {
    if (state_[run] == State::given &&
        all_reached(
            run, [&](int rank, std::size_t i) -> auto& { return area_.given(rank, i); })) {
      sum(runs_[run]);
      area_.summed(rank_, run).store(rounds_[run], std::memory_order_release);
      state_[run] = State::summed;
    }
    if (state_[run] == State::summed &&
        all_reached(
            run, [&](int rank, std::size_t i) -> auto& { return area_.summed(rank, i); })) {
      state_[run] = State::idle;
      --unfinished[runs_[run].bucket];
    }
  }
  while (first_ < last_ && state_[first_] == State::idle) ++first_;
}

/// This rank's part belongs to it alone: nobody else reads or writes it until the flag says that it is
/// summed. That is why the tree's inner sums may lie in the other ranks' buffers: in this column they are
/// free, and no staging memory is needed. The last addition writes to this rank's own first node, from where
/// the sum is copied to those of the others. That node may be its right operand: `add` goes element by
/// element.
void SharedExchange::sum(const Run& run) const {
  const auto [begin, end] = part_of_run(run, rank_, ranks_);
  if (begin == end) return;
  float* result = area_.node(plan_.first_node(rank_)) + begin;
  const std::size_t count = end - begin;
  add_up(
      plan_, result, [&](std::size_t node) { return area_.node(node) + begin; },
      [&](float* into, const float* left, const float* right) { add(into, left, right, count); });
  for (int rank = 0; rank < ranks_; ++rank)
    if (rank != rank_) std::memcpy(area_.node(plan_.first_node(rank)) + begin, result, count * sizeof(float));
}

}  // namespace

std::vector<Run> shared_runs(const ReducerOptions& options, int ranks) {
  // A part of 256 KB: the operands of a run stay in the cache of a core.
  constexpr std::size_t kPartElements = std::size_t{1} << 16;
  return make_runs(options.buckets, kPartElements * static_cast<std::size_t>(ranks));
}

std::unique_ptr<Exchange> make_shared_exchange(ProcessGroup& group, const ReducerOptions& options,
                                               const SharedArea& area) {
  return std::make_unique<SharedExchange>(group, options, area);
}

}  // namespace annulus::comm
