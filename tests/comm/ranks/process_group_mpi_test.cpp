// Collectives, messages, shared memory and bounded waits at several world sizes, with exact inputs.
#include "comm/ranks/process_group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

MpiSession& session() { return annulus::test::session(); }
ProcessGroup& group() { return session().group(); }
std::size_t ranks() { return static_cast<std::size_t>(group().size()); }
float rank_value() { return static_cast<float>(group().rank()); }

TEST(MpiSession, KnowsTheWorld) {
  const World& world = session().world();

  EXPECT_EQ(world.rank, group().rank());
  EXPECT_EQ(world.ranks, group().size());
  EXPECT_EQ(world.node_ranks, world.ranks) << "the test runs on one host";
  EXPECT_EQ(world.node_rank, world.rank);
  EXPECT_EQ(world.launcher, "mpirun");
  EXPECT_FALSE(world.host.empty());
  EXPECT_THAT(session().describe(), AllOf(HasSubstr("MPI"), HasSubstr("thread support")));
}

TEST(MpiSession, AllRanksHaveTheNumberOfTheStartInCommon) {
  const std::uint64_t mine = session().world().start;
  std::vector<std::uint64_t> all(ranks());

  group().all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)), "test");

  EXPECT_NE(mine, 0U);
  EXPECT_EQ(all, std::vector(ranks(), mine));
}

TEST(MpiGroup, AllGatherReturnsRankOrder) {
  const std::array<int, 2> mine{group().rank(), 100 * group().rank()};
  std::vector<int> all(2 * ranks());

  group().all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), "test");

  for (std::size_t rank = 0; rank < ranks(); ++rank) {
    EXPECT_EQ(all[2 * rank], static_cast<int>(rank));
    EXPECT_EQ(all[2 * rank + 1], 100 * static_cast<int>(rank));
  }
}

TEST(MpiGroup, BroadcastCopiesTheRoot) {
  for (int root = 0; root < group().size(); ++root) {
    std::vector<std::int32_t> data(1000);
    if (group().rank() == root) std::iota(data.begin(), data.end(), root);

    group().broadcast(std::as_writable_bytes(std::span(data)), root, "test");

    for (std::size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], root + static_cast<std::int32_t>(i));
  }
  group().broadcast({}, 0, "nothing at all");
}

TEST(MpiGroup, BroadcastCutsLargeData) {
  std::vector<std::byte> data((std::size_t{1} << 26) + 3, std::byte{0});
  if (group().rank() == 0) data.front() = data[(std::size_t{1} << 26) - 1] = data.back() = std::byte{9};

  group().broadcast(data, 0, "test");

  EXPECT_EQ(data.front(), std::byte{9});
  EXPECT_EQ(data[(std::size_t{1} << 26) - 1], std::byte{9});
  EXPECT_EQ(data[std::size_t{1} << 26], std::byte{0});
  EXPECT_EQ(data.back(), std::byte{9});
}

TEST(MpiGroup, AllReduceSumsExactly) {
  for (const std::size_t count : {1, 5, 100000}) {
    std::vector<float> data(count);
    for (std::size_t i = 0; i < count; ++i) data[i] = (rank_value() + 1) * static_cast<float>(i % 100);

    const auto transfer = group().start_all_reduce_sum(data);
    group().wait(*transfer, "test");

    const int sum = ranks() * (ranks() + 1) / 2;
    const auto ones = static_cast<float>(sum);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(data[i], ones * static_cast<float>(i % 100));
    EXPECT_TRUE(transfer->test()) << "a finished transfer stays finished";
  }
}

TEST(MpiGroup, MessagesMatchByPeerAndTag) {
  const int next = (group().rank() + 1) % group().size();
  const int before = (group().rank() + group().size() - 1) % group().size();
  const std::array<float, 2> first{rank_value(), 1};
  const std::array<float, 2> second{rank_value(), 2};
  std::array<float, 2> received_first{};
  std::array<float, 2> received_second{};

  // The receives are started in the other order than the sends: only the tag says which is which.
  const auto receive_second = group().start_receive(received_second, before, 2);
  const auto receive_first = group().start_receive(received_first, before, 1);
  const auto send_first = group().start_send(first, next, 1);
  const auto send_second = group().start_send(second, next, 2);
  for (const auto& transfer : {&receive_first, &receive_second, &send_first, &send_second})
    group().wait(**transfer, "ring of messages");

  EXPECT_EQ(received_first, (std::array<float, 2>{static_cast<float>(before), 1}));
  EXPECT_EQ(received_second, (std::array<float, 2>{static_cast<float>(before), 2}));
}

TEST(MpiGroup, NamesTheCallThatMpiRefuses) {
  const std::array<float, 1> data{};
  try {
    group().start_send(data, group().size() + 5, 0);
    FAIL() << "there is no such rank";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("MPI_Isend"), HasSubstr("MPI_ERR_RANK"),
                                    HasSubstr(fmt::format("rank {}", group().rank()))));
  }
}

TEST(MpiGroup, RefusesOtherThreads) {
  bool refused = false;
  std::thread([&] {
    try {
      group().barrier("from a worker");
    } catch (const std::logic_error&) {
      refused = true;
    }
  }).join();

  EXPECT_TRUE(refused);
}

/// Runs a wait that cannot end under a limit of one second and checks how it gives up.
template <class Wait>
void expect_to_give_up(const char* purpose, Wait wait) {
  const auto limit = group().limit();
  group().set_limit(std::chrono::seconds(1));
  const auto start = std::chrono::steady_clock::now();
  try {
    wait();
    ADD_FAILURE() << "nobody comes, so the wait cannot succeed";
  } catch (const PeerError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(purpose), HasSubstr("1 s"),
                                    HasSubstr(fmt::format("rank {} of", group().rank()))));
  }
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  group().set_limit(limit);
}

TEST(MpiGroup, WaitForAMessageIsBounded) {
  std::array<float, 1> received{};
  const std::array<float, 1> sent{5};
  const auto receive = group().start_receive(received, group().rank(), 4);

  expect_to_give_up("message to myself", [&] { group().wait(*receive, "message to myself"); });

  group().wait(*group().start_send(sent, group().rank(), 4), "late message");
  group().wait(*receive, "late message");
  EXPECT_EQ(received, sent);
}

TEST(MpiGroup, WaitForALateRankIsBounded) {
  const int late = group().size() - 1;
  std::array<float, 1> go{};

  if (group().rank() == late) {
    // Comes only when all others have given up, so nothing depends on timing.
    for (int peer = 0; peer < late; ++peer) group().wait(*group().start_receive(go, peer, 3), "go ahead");
    group().barrier("late barrier");
  } else {
    expect_to_give_up("test barrier", [] { group().barrier("test barrier"); });
    group().wait(*group().start_send(go, late, 3), "go ahead");
  }
  group().barrier("after the late rank came");
}

TEST(NodeMemory, IsSeenByAllRanksOfTheHost) {
  const std::size_t share = 1000;
  const auto memory = session().allocate_node_memory(share * ranks());
  ASSERT_EQ(memory->parts(), group().size());
  ASSERT_EQ(memory->part(), group().rank());

  for (int round = 1; round <= 3; ++round) {
    const auto mine = memory->bytes().subspan(share * static_cast<std::size_t>(memory->part()), share);
    std::ranges::fill(mine, static_cast<std::byte>(10 * round + memory->part()));
    memory->synchronise();
    for (std::size_t i = 0; i < memory->bytes().size(); ++i)
      ASSERT_EQ(memory->bytes()[i], static_cast<std::byte>(10 * round + static_cast<int>(i / share)));
    memory->synchronise();  // nobody overwrites before all have read
  }
}

}  // namespace
}  // namespace annulus::comm
