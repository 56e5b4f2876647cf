// One rank is a real group, with the same bounded waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

#include "base/error.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {
namespace {

TEST(SerialGroup, IsRankZeroOfOne) {
  const auto group = make_serial_group();

  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->size(), 1);
}

TEST(SerialGroup, CollectivesKeepTheOwnData) {
  const auto group = make_serial_group();
  std::array<float, 3> data{1, 2, 3};
  std::array<float, 3> all{};

  group->barrier("test");
  group->broadcast(std::as_writable_bytes(std::span(data)), 0, "test");
  group->all_gather(std::as_bytes(std::span(data)), std::as_writable_bytes(std::span(all)), "test");
  const auto sum = group->start_all_reduce_sum(data);

  EXPECT_TRUE(sum->test());
  EXPECT_EQ(data, (std::array<float, 3>{1, 2, 3}));
  EXPECT_EQ(all, data);
}

TEST(SerialGroup, DeliversMessagesToItselfInOrderByTag) {
  const auto group = make_serial_group();
  const std::array<float, 2> first{1, 2};
  const std::array<float, 2> second{3, 4};
  const std::array<float, 2> other{5, 6};
  std::array<float, 2> received{};

  const auto early = group->start_receive(received, 0, 1);
  EXPECT_FALSE(early->test());
  for (const auto& [data, tag] : {std::pair{&first, 1}, {&other, 2}, {&second, 1}}) {
    const auto sent = group->start_send(*data, 0, tag);
    EXPECT_TRUE(sent->test());
  }

  group->wait(*early, "first message");
  EXPECT_EQ(received, first);
  group->wait(*group->start_receive(received, 0, 1), "second message");
  EXPECT_EQ(received, second);
  group->wait(*group->start_receive(received, 0, 2), "other tag");
  EXPECT_EQ(received, other);
}

TEST(SerialGroup, WaitsAreBounded) {
  const auto group = make_serial_group();
  group->set_limit(std::chrono::seconds(0));
  std::array<float, 1> data{};

  try {
    group->wait(*group->start_receive(data, 0, 9), "a message nobody sends");
    FAIL() << "the wait must end";
  } catch (const PeerError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("a message nobody sends"),
                                             testing::HasSubstr("rank 0"), testing::HasSubstr("0 s")));
  }
}

TEST(SerialGroup, RefusesOtherRanksAndLengths) {
  const auto group = make_serial_group();
  std::array<float, 2> data{};
  std::array<std::byte, 3> bytes{};

  EXPECT_THROW(group->broadcast(bytes, 1, "test"), std::logic_error);
  EXPECT_THROW(group->start_send(data, 1, 0), std::logic_error);
  EXPECT_THROW(group->start_receive(data, 1, 0), std::logic_error);
  EXPECT_THROW(group->all_gather(std::span(bytes).first(1), bytes, "test"), std::logic_error);
}

/// A process as a plain shell starts it, whatever started this one.
class PlainSession : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "SLURM_PROCID",
                             "SLURM_STEP_NUM_TASKS"})
      unsetenv(name);
  }
};

TEST_F(PlainSession, DoesNotStartMpi) {
  int argc = 0;
  char** argv = nullptr;
  MpiSession session(argc, argv);

  EXPECT_EQ(session.describe(), "not started");
  EXPECT_EQ(session.world().launcher, "none");
  EXPECT_EQ(session.world().ranks, 1);
  EXPECT_EQ(session.world().node_ranks, 1);
  EXPECT_FALSE(session.world().host.empty());
  EXPECT_EQ(session.group().size(), 1);
  EXPECT_EQ(session.allocate_node_memory(64)->bytes().size(), 64u);
}

TEST_F(PlainSession, AbortEndsTheProgramWithTheCode) {
  int argc = 0;
  char** argv = nullptr;

  EXPECT_EXIT(MpiSession(argc, argv).abort(ExitCode::data), testing::ExitedWithCode(65), "");
}

TEST_F(PlainSession, RefusesToTrainAloneUnderSrun) {
  setenv("SLURM_PROCID", "1", 1);
  setenv("SLURM_STEP_NUM_TASKS", "2", 1);
  int argc = 0;
  char** argv = nullptr;

  EXPECT_THROW(MpiSession(argc, argv), UsageError);
}

}  // namespace
}  // namespace annulus::comm
