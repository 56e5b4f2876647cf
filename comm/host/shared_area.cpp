// Flags first, then the buffers.
#include "comm/host/shared_area.hpp"

#include <new>

#include "base/error.hpp"

namespace annulus::comm {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t round_up(std::size_t count, std::size_t unit) {
  return (count + unit - 1) / unit * unit;
}

// Flags are read by other processes, at other addresses.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint64_t>) == 8);

}  // namespace

std::unique_ptr<SharedArea> SharedArea::make(const ReducerOptions& options, int ranks, std::size_t runs) {
  if (!options.shared_memory || ranks == 1) return nullptr;
  std::unique_ptr<SharedArea> area(new SharedArea);
  area->runs_ = runs;
  area->flag_stride_ = round_up(2 * runs, kLine / sizeof(std::uint64_t));
  area->stride_ = round_up(options.elements, kLine / sizeof(float));
  const std::size_t flags = static_cast<std::size_t>(ranks) * area->flag_stride_;
  const std::size_t nodes = make_tree_plan(options.shards, ranks).nodes.size();
  area->memory_ =
      options.shared_memory(kLine + flags * sizeof(std::uint64_t) + nodes * area->stride_ * sizeof(float));
  if (!area->memory_) return nullptr;
  expect_contract(area->memory_->parts() == ranks, "shared memory is offered when all ranks are on one host");

  // A window begins where the library likes, the same distance from a line on every rank: pages are shared
  // whole.
  const auto start = round_up(reinterpret_cast<std::uintptr_t>(area->memory_->bytes().data()), kLine);
  area->flags_ = reinterpret_cast<std::atomic<std::uint64_t>*>(start);
  area->buffers_ = reinterpret_cast<float*>(area->flags_ + flags);
  if (area->memory_->part() == 0)
    for (std::size_t i = 0; i < flags; ++i) new (area->flags_ + i) std::atomic<std::uint64_t>(0);
  area->memory_->synchronise();
  return area;
}

}  // namespace annulus::comm
