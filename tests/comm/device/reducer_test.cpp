// The device reducer of one rank, its contracts, and how it ends when the others do not answer.
#include "comm/device/reducer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "base/error.hpp"
#include "tests/comm/device/device_reducer_oracle.hpp"
#include "tests/support/abandoned_group.hpp"

namespace annulus::comm {
namespace {

constexpr std::size_t kElements = 37;

ReducerOptions options_for(std::int64_t shards) {
  return {.elements = kElements, .buckets = {{0, 30}, {30, kElements}}, .shards = shards};
}

TEST(DeviceReducer, SumsTheBitsOfTheSerialTreeAlone) {
  const auto host = make_serial_group();
  for (std::int64_t shards = 1; shards <= 24; ++shards) {
    test::LazyGroup device(*host, test::Ahead::computation, Transport::host);
    const auto reducer = make_device_reducer(*device.group, options_for(shards));
    std::vector<float> sum(kElements);

    test::enqueue_step(*reducer, *device.work, 3, sum);
    reducer->wait(device.work->compute());

    EXPECT_EQ(test::wrong_bits(sum, 3, shards), 0u) << shards << " shards";
    EXPECT_TRUE(reducer->capturable());
  }
}

TEST(DeviceReducer, GivesTheSamePointersInEveryStep) {
  const auto host = make_serial_group();
  test::LazyGroup device(*host, test::Ahead::computation, Transport::host);
  const auto reducer = make_device_reducer(*device.group, options_for(6));
  const auto pointers = [&] {
    std::vector<const float*> all;
    for (std::int64_t shard = 0; shard < 6; ++shard) {
      all.push_back(reducer->begin_shard(shard));
      for (std::size_t bucket = 0; bucket < 2; ++bucket)
        reducer->bucket_ready(shard, bucket, device.work->compute());
    }
    all.push_back(reducer->finish(device.work->compute()));
    return all;
  };

  EXPECT_EQ(pointers(), pointers());
}

TEST(DeviceReducer, InsistsOnItsOrder) {
  const auto host = make_serial_group();
  test::LazyGroup device(*host, test::Ahead::computation, Transport::host);
  const DeviceStream compute = device.work->compute();
  const auto reducer = make_device_reducer(*device.group, options_for(2));

  EXPECT_THROW(reducer->begin_shard(1), std::logic_error) << "shards ascend";
  reducer->begin_shard(0);
  EXPECT_THROW(reducer->bucket_ready(0, 1, compute), std::logic_error) << "buckets ascend";
  EXPECT_THROW(reducer->bucket_ready(1, 0, compute), std::logic_error) << "shard 1 has not begun";
  reducer->bucket_ready(0, 0, compute);
  EXPECT_THROW(reducer->begin_shard(1), std::logic_error) << "bucket 1 is missing";
  reducer->bucket_ready(0, 1, compute);
  EXPECT_THROW(reducer->finish(compute), std::logic_error) << "shard 1 is missing";
}

TEST(DeviceReducer, ALostRankEndsTheWaitWithTheBucketsName) {
  test::AbandonedGroup host;
  host.set_limit(std::chrono::seconds(0));
  test::LazyGroup device(host, test::Ahead::computation, Transport::nccl);
  device.link->lose_peers();
  const auto reducer = make_device_reducer(*device.group, options_for(2));
  const DeviceStream compute = device.work->compute();
  reducer->begin_shard(0);
  for (std::size_t bucket = 0; bucket < 2; ++bucket) reducer->bucket_ready(0, bucket, compute);
  reducer->finish(compute);

  try {
    reducer->wait(compute);
    FAIL() << "the wait ended without the other rank";
  } catch (const PeerError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("rank 0 of 2"),
                                             testing::HasSubstr("sum of gradient bucket 1 of 2")));
  }
  EXPECT_TRUE(device.link->aborted()) << "a kernel would wait for ever";
  EXPECT_EQ(device.link->polled(), "sum of gradient bucket 1 of 2")
      << "errors in the background were not looked for";
}

}  // namespace
}  // namespace annulus::comm
