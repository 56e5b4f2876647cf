// The device reducer on real GPUs: the bits of the serial tree at any world size, captured in a graph or not.
// Ranks that find no GPU of their own share one and go through host memory, so that one GPU tests what it
// can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "comm/cuda/cuda.hpp"
#include "comm/device/allreduce_benchmark.hpp"
#include "comm/device/gpu.hpp"
#include "comm/device/reducer.hpp"
#include "tests/comm/host/reducer_oracle.hpp"
#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

constexpr std::size_t kElements = 100'003;

class DeviceReducerGpu : public testing::Test {
 protected:
  DeviceReducerGpu() {
    const World& world = annulus::test::session().world();
    transport_ = claim_gpu(host_, find_gpus(), {world.host, world.node_rank}, GpuSharing::allow).transport;
    group_ = make_device_group(host_, transport_);
  }

  ReducerOptions options_for(std::int64_t shards, Reduction reduction) const {
    return {.elements = kElements,
            .buckets = {{0, 70'000}, {70'000, 70'001}, {70'001, kElements}},
            .shards = shards,
            .reduction = reduction};
  }

  /// Gradients of this rank's shards, on the device.
  std::vector<DeviceBuffer<float>> upload(ShardRange owned, std::uint32_t step, cudaStream_t stream) const {
    std::vector<DeviceBuffer<float>> all;
    for (std::int64_t shard = owned.begin; shard < owned.end; ++shard) {
      std::vector<float> values(kElements);
      for (std::size_t i = 0; i < kElements; ++i) values[i] = test::awkward_value(step, shard, i);
      all.emplace_back(kElements, "a test's gradients");
      copy_to_device(all.back().get(), std::span<const float>(values), stream);
      ANNULUS_CHECK_CUDA(cudaStreamSynchronize(stream));
    }
    return all;
  }

  void enqueue(DeviceReducer& reducer, const std::vector<DeviceBuffer<float>>& gradients, float* sum,
               cudaStream_t stream) const {
    for (std::int64_t shard = reducer.owned().begin; shard < reducer.owned().end; ++shard) {
      const float* from = gradients[static_cast<std::size_t>(shard - reducer.owned().begin)].get();
      float* const gradient = reducer.begin_shard(shard);
      for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket) {
        const auto [begin, end] = reducer.buckets()[bucket];
        copy_on_device(gradient + begin, from + begin, end - begin, stream);
        reducer.bucket_ready(shard, bucket, stream);
      }
    }
    copy_on_device(sum, reducer.finish(stream), kElements, stream);
  }

  std::vector<float> download(DeviceReducer& reducer, const DeviceBuffer<float>& sum,
                              cudaStream_t stream) const {
    std::vector<float> values(kElements);
    copy_to_host(std::span<float>(values), sum.get(), stream);
    reducer.wait(stream);
    return values;
  }

  ProcessGroup& host_ = annulus::test::session().group();
  Transport transport_ = Transport::nccl;
  std::unique_ptr<DeviceGroup> group_;
};

TEST_F(DeviceReducerGpu, SumsTheBitsOfTheSerialTree) {
  const Stream stream;
  DeviceBuffer<float> sum(kElements, "a test's sum");
  for (const std::int64_t shards : {1, 2, 4, 8, 12}) {
    if (shards % host_.size() != 0) continue;
    const auto reducer = make_device_reducer(*group_, options_for(shards, Reduction::tree));
    for (std::uint32_t step = 0; step < 3; ++step) {
      const auto gradients = upload(reducer->owned(), step, stream.get());
      enqueue(*reducer, gradients, sum.get(), stream.get());
      EXPECT_EQ(test::wrong_bits(download(*reducer, sum, stream.get()), step, shards), 0u)
          << shards << " shards, step " << step;
    }
  }
}

TEST_F(DeviceReducerGpu, AGraphGivesTheSameBitsEveryTime) {
  const std::int64_t shards = 2 * host_.size();
  const auto reducer = make_device_reducer(*group_, options_for(shards, Reduction::tree));
  if (!reducer->capturable()) GTEST_SKIP() << "ranks share a GPU: the host takes part in every step";
  const Stream stream;
  DeviceBuffer<float> sum(kElements, "a test's sum");
  const auto gradients = upload(reducer->owned(), 4, stream.get());
  for (int i = 0; i < 2; ++i) enqueue(*reducer, gradients, sum.get(), stream.get());  // connections are made
  reducer->wait(stream.get());

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t program = nullptr;
  ANNULUS_CHECK_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  enqueue(*reducer, gradients, sum.get(), stream.get());
  ANNULUS_CHECK_CUDA(cudaStreamEndCapture(stream.get(), &graph));
  ANNULUS_CHECK_CUDA(cudaGraphInstantiate(&program, graph, cudaGraphInstantiateFlagUseNodePriority));
  for (int i = 0; i < 3; ++i) {
    fill_zero(sum.get(), kElements, stream.get());
    ANNULUS_CHECK_CUDA(cudaGraphLaunch(program, stream.get()));
    EXPECT_EQ(test::wrong_bits(download(*reducer, sum, stream.get()), 4, shards), 0u) << "launch " << i;
  }
  ANNULUS_CHECK_CUDA(cudaGraphExecDestroy(program));
  ANNULUS_CHECK_CUDA(cudaGraphDestroy(graph));
}

TEST_F(DeviceReducerGpu, FastIsCloseToTheTree) {
  const std::int64_t shards = host_.size();
  const auto reducer = make_device_reducer(*group_, options_for(shards, Reduction::fast));
  const Stream stream;
  DeviceBuffer<float> sum(kElements, "a test's sum");
  const auto gradients = upload(reducer->owned(), 9, stream.get());

  enqueue(*reducer, gradients, sum.get(), stream.get());
  const auto values = download(*reducer, sum, stream.get());

  // Another order of few additions: an error of some units of the last place of the largest operand, 2^12.
  for (std::size_t i = 0; i < kElements; ++i)
    ASSERT_NEAR(values[i], test::tree_value(9, i, 0, shards), 4096 * 1e-6 * static_cast<double>(shards)) << i;
}

TEST_F(DeviceReducerGpu, MeasuresItself) {
  const auto figures =
      benchmark_allreduce(*group_, {.smallest_bytes = 65536, .largest_bytes = 65536, .repetitions = 3});

  ASSERT_EQ(figures.size(), 2u);
  for (const AllreduceFigure& figure : figures) EXPECT_GT(figure.microseconds, 0);
}

}  // namespace
}  // namespace annulus::comm
