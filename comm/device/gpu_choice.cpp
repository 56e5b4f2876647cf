// Decides which rank takes which GPU; what is there is found elsewhere.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/error.hpp"
#include "comm/device/gpu.hpp"

namespace annulus::comm {
namespace {

/// A rank's choice as bytes of one size for all.
struct Message {
  char host[256] = {};
  char uuid[64] = {};
  char missing[512] = {};  ///< why the rank has no GPU; empty when it has
  std::int32_t index = 0;
};

template <std::size_t kSize>
void copy_text(const std::string& text, char (&field)[kSize]) {
  text.copy(field, kSize - 1);
}

std::vector<Message> exchange(ProcessGroup& group, const Message& mine) {
  std::vector<Message> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "choice of GPUs");
  return all;
}

[[noreturn]] void refuse_missing(const std::vector<Message>& all, const Message& without) {
  const auto rank = static_cast<std::size_t>(&without - all.data());
  if (all.size() == 1) throw UsageError("{}", without.missing);
  throw UsageError("Rank {} on host {} has no GPU: {}", rank, without.host, without.missing);
}

}  // namespace

int default_gpu(int local_rank, int visible) {
  expect_contract(visible > 0 && local_rank >= 0, "a GPU is chosen where there is one");
  return local_rank % visible;
}

Transport choose_transport(std::span<const RankGpu> ranks, GpuSharing sharing) {
  for (std::size_t second = 1; second < ranks.size(); ++second) {
    const auto same = [&](const RankGpu& other) {
      return other.host == ranks[second].host && other.uuid == ranks[second].uuid;
    };
    const auto earlier = ranks.first(second);
    const auto first = std::ranges::find_if(earlier, same);
    if (first == earlier.end()) continue;
    if (sharing == GpuSharing::allow) return Transport::host;
    throw UsageError(
        "Ranks {} and {} on host {} would both compute on GPU {} ({}): they would share its memory and its time, and NCCL cannot join them. Start one rank per GPU, give each its own by CUDA_VISIBLE_DEVICES, or allow it with device.gpu_sharing=allow (slow: sums then travel through host memory).",
        first - earlier.begin(), second, ranks[second].host, ranks[second].index, ranks[second].uuid);
  }
  return Transport::nccl;
}

GpuClaim claim_gpu(ProcessGroup& group, const GpuInventory& inventory, const RankPlace& place,
                   GpuSharing sharing) {
  GpuClaim claim;
  Message mine;
  copy_text(place.host, mine.host);
  if (inventory.gpus.empty()) {
    copy_text(inventory.missing, mine.missing);
  } else {
    claim.gpu = inventory.gpus[static_cast<std::size_t>(
        default_gpu(place.local_rank, static_cast<int>(inventory.gpus.size())))];
    copy_text(claim.gpu.uuid, mine.uuid);
    mine.index = claim.gpu.index;
  }
  const std::vector<Message> all = exchange(group, mine);
  const auto without = std::ranges::find_if(all, [](const Message& each) { return each.missing[0] != '\0'; });
  if (without != all.end()) refuse_missing(all, *without);
  std::vector<RankGpu> choices;
  for (const Message& each : all) choices.push_back({each.host, each.uuid, each.index});
  claim.transport = choose_transport(choices, sharing);
  use_gpu(claim.gpu);
  return claim;
}

bool every_rank_has_gpu(ProcessGroup& group, const GpuInventory& inventory) {
  const std::byte mine{!inventory.gpus.empty()};
  std::vector<std::byte> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::span(&mine, 1), all, "presence of GPUs");
  return std::ranges::all_of(all, [](std::byte has) { return has != std::byte{0}; });
}

}  // namespace annulus::comm
