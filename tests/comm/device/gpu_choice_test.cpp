// Which rank takes which GPU, with made-up machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "comm/device/gpu.hpp"

namespace annulus::comm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What a call complains of; fails when it does not.
template <class Call>
std::string usage_error(Call&& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(GpuChoice, RanksOfAHostTakeItsGpusInTurn) {
  EXPECT_EQ(default_gpu(0, 8), 0);
  EXPECT_EQ(default_gpu(7, 8), 7);
  EXPECT_EQ(default_gpu(5, 4), 1) << "more ranks than GPUs";
  EXPECT_EQ(default_gpu(3, 1), 0) << "the launcher shows each rank its own GPU";
}

TEST(GpuChoice, OneGpuARankTravelsByNccl) {
  // The second host's GPUs carry the same numbers; ranks 1 and 2 see one GPU each, another one under the same
  // index.
  const std::vector<RankGpu> ranks{{"node1", "GPU-a", 0},
                                   {"node1", "GPU-b", 0},
                                   {"node1", "GPU-c", 0},
                                   {"node2", "GPU-d", 0},
                                   {"node2", "GPU-e", 1}};

  EXPECT_EQ(choose_transport(ranks, GpuSharing::refuse), Transport::nccl);
}

TEST(GpuChoice, GpusOfTwoHostsAreTwoWhateverTheyAreCalled) {
  const std::vector<RankGpu> ranks{{"node1", "GPU-a", 0}, {"node2", "GPU-a", 0}};

  EXPECT_EQ(choose_transport(ranks, GpuSharing::refuse), Transport::nccl);
}

TEST(GpuChoice, TwoRanksOnOneGpuAreRefusedByName) {
  const std::vector<RankGpu> ranks{
      {"node1", "GPU-a", 0}, {"node2", "GPU-b", 0}, {"node2", "GPU-c", 1}, {"node2", "GPU-b", 0}};

  EXPECT_THAT(usage_error([&] { choose_transport(ranks, GpuSharing::refuse); }),
              AllOf(HasSubstr("Ranks 1 and 3 on host node2"), HasSubstr("GPU 0 (GPU-b)")));
}

TEST(GpuChoice, SharedGpusTravelThroughTheHostWhereAllowed) {
  const std::vector<RankGpu> ranks{{"node1", "GPU-a", 0}, {"node1", "GPU-a", 0}};

  EXPECT_EQ(choose_transport(ranks, GpuSharing::allow), Transport::host);
}

TEST(GpuChoice, ARankWithoutGpuIsToldWhatToInstallOrSet) {
  const auto group = make_serial_group();
  const GpuInventory inventory{.missing = "There is no NVIDIA driver on this machine. Install it"};

  EXPECT_THAT(usage_error([&] {
                claim_gpu(*group, inventory, {"node1", 0}, GpuSharing::refuse);
              }),
              HasSubstr("no NVIDIA driver"));
  EXPECT_FALSE(every_rank_has_gpu(*group, inventory));
}

TEST(GpuChoice, ARankWithGpuHasOne) {
  const auto group = make_serial_group();
  const GpuInventory inventory{.gpus = {{.index = 0, .name = "a GPU", .uuid = "GPU-a"}}};

  EXPECT_TRUE(every_rank_has_gpu(*group, inventory));
}

/// The first of two ranks; the second answers as the first.
class EchoGroup final : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  void barrier(std::string_view) override {}
  void broadcast(std::span<std::byte>, int, std::string_view) override {}
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::string_view) override {
    std::ranges::copy(mine, all.begin());
    std::ranges::copy(mine, all.begin() + static_cast<std::ptrdiff_t>(mine.size()));
  }
  std::unique_ptr<Transfer> start_all_reduce_sum(std::span<float>) override { return nullptr; }
  std::unique_ptr<Transfer> start_send(std::span<const float>, int, int) override { return nullptr; }
  std::unique_ptr<Transfer> start_receive(std::span<float>, int, int) override { return nullptr; }
};

TEST(GpuChoice, RanksTellEachOtherTheirChoice) {
  EchoGroup group;
  const GpuInventory inventory{.gpus = {{.index = 0, .name = "a GPU", .uuid = "GPU-a"},
                                        {.index = 1, .name = "another", .uuid = "GPU-b"}}};

  EXPECT_THAT(usage_error([&] {
                claim_gpu(group, inventory, {"node7", 3}, GpuSharing::refuse);
              }),
              AllOf(HasSubstr("Ranks 0 and 1 on host node7"), HasSubstr("GPU 1 (GPU-b)")));
}

TEST(GpuChoice, ARankWithoutGpuIsNamedToAllRanks) {
  EchoGroup group;

  EXPECT_THAT(usage_error([&] {
                claim_gpu(group, {.missing = "no driver here"}, {"node7", 0}, GpuSharing::allow);
              }),
              AllOf(HasSubstr("Rank 0 on host node7"), HasSubstr("no driver here")));
}

}  // namespace
}  // namespace annulus::comm
