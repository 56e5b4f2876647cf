// NCCL on one GPU: a communicator of one rank starts, sums, is captured and ends as those of a training do.
// Two ranks need two GPUs. A sum over one rank in place is nothing to NCCL, and so is nothing in a graph; a
// message to itself is a kernel, and what a graph holds of it is what an abort waits for.
#include "comm/cuda/nccl_link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"
#include "comm/ranks/process_group.hpp"
#include "trainer/backend/cuda/step_graph.hpp"

namespace annulus::comm {
namespace {

using trainer::cuda::StepGraph;

constexpr std::size_t kElements = 100'003;

class NcclOneRank : public testing::Test {
 protected:
  NcclOneRank() {
    std::iota(values_.begin(), values_.end(), 1.0f);
    copy_to_device(data_.get(), std::span<const float>(values_), stream_.get());
    fill_zero(received_.get(), kElements, stream_.get());
    stream_.synchronize();
  }

  std::unique_ptr<DeviceLink> start() { return make_nccl_link(*host_, stream_.get()); }

  /// A step's worth of transfers.
  void enqueue(DeviceLink& link) const {
    link.all_reduce_sum(data_.get(), kElements, "a sum");
    link.open();
    link.send(data_.get(), kElements, 0);
    link.receive(received_.get(), kElements, 0);
    link.close("a message");
  }

  std::unique_ptr<StepGraph> capture(DeviceLink& link) const {
    for (int i = 0; i < 2; ++i) enqueue(link);  // NCCL connects
    stream_.synchronize();
    return std::make_unique<StepGraph>(stream_.get(), [&] { enqueue(link); });
  }

  std::vector<float> fetch(const DeviceBuffer<float>& device) const {
    std::vector<float> host(kElements);
    copy_to_host(std::span<float>(host), device.get(), stream_.get());
    stream_.synchronize();
    return host;
  }

  void expect_usable() const {
    fill_zero(received_.get(), kElements, stream_.get());
    EXPECT_NO_THROW(stream_.synchronize());
  }

  std::unique_ptr<ProcessGroup> host_ = make_serial_group();
  Stream stream_{StreamPriority::high};
  DeviceBuffer<float> data_{kElements, "a test's data"};
  DeviceBuffer<float> received_{kElements, "what a test receives"};
  std::vector<float> values_ = std::vector<float>(kElements);
};

TEST_F(NcclOneRank, SumsAndSends) {
  const auto link = start();

  enqueue(*link);

  EXPECT_EQ(fetch(data_), values_);
  EXPECT_EQ(fetch(received_), values_);
  EXPECT_NO_THROW(link->poll("a step"));
}

TEST_F(NcclOneRank, AGraphTransfersAtEveryLaunch) {
  const auto link = start();
  const auto graph = capture(*link);

  for (int launch = 0; launch < 3; ++launch) {
    for (float& value : values_) value += 1;
    copy_to_device(data_.get(), std::span<const float>(values_), stream_.get());
    graph->launch(stream_.get());
    EXPECT_EQ(fetch(received_), values_) << "launch " << launch;
    EXPECT_EQ(fetch(data_), values_) << "launch " << launch;
  }
}

TEST_F(NcclOneRank, AnAbortHasGraphsGivenUp) {
  const auto link = start();
  auto graph = capture(*link);
  link->set_graphs([&graph] { graph.reset(); });
  graph->launch(stream_.get());

  link->abort();

  EXPECT_EQ(graph, nullptr) << "NCCL would wait for it";
  EXPECT_THROW(link->poll("a step"), PeerError);
  expect_usable();
}

TEST_F(NcclOneRank, AnAbortComesBackWhileAGraphLives) {  // after five seconds
  const auto link = start();
  auto graph = capture(*link);
  graph->launch(stream_.get());

  link->abort();

  EXPECT_THROW(link->poll("a step"), PeerError);
  graph.reset();  // now NCCL can end, too
  expect_usable();
}

TEST_F(NcclOneRank, AnAbortComesBackInTheMidstOfACapture) {  // after five seconds
  const auto link = start();
  capture(*link).reset();

  EXPECT_THROW(StepGraph(stream_.get(),
                         [&] {
                           enqueue(*link);
                           link->abort();
                           throw PeerError("a rank is gone");
                         }),
               PeerError);

  expect_usable();
}

/// Last, so that aborts that were left alone are over before the program is.
TEST_F(NcclOneRank, EndsInOrderAndStartsAgain) {
  for (int i = 0; i < 2; ++i) {
    const auto link = start();
    const auto graph = capture(*link);
    graph->launch(stream_.get());
    stream_.synchronize();
  }
  expect_usable();
}

}  // namespace
}  // namespace annulus::comm
