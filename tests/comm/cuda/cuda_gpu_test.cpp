// Owners of CUDA's handles and the kernels of the reducer, on a GPU.
#include "comm/cuda/cuda.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "comm/cuda/out_of_device_memory.hpp"
#include "comm/cuda/reduction_kernels.hpp"

namespace annulus::comm {
namespace {

std::vector<float> to_host(const DeviceBuffer<float>& device, const Stream& stream) {
  std::vector<float> host(device.size());
  copy_to_host(std::span<float>(host), device.get(), stream.get());
  stream.synchronize();
  return host;
}

TEST(Cuda, AdditionTouchesEveryElementOnce) {
  set_device(0);
  const Stream stream;
  std::vector<float> values(1'000'003);  // more than one pass of the grid, and not a multiple of a block
  std::iota(values.begin(), values.end(), 1.0f);
  DeviceBuffer<float> left(values.size(), "test");
  DeviceBuffer<float> right(values.size(), "test");
  copy_to_device(left.get(), std::span<const float>(values), stream.get());
  copy_to_device(right.get(), std::span<const float>(values), stream.get());

  enqueue(stream.get(), AddBody{.sum = left.get(),
                                .left = left.get(),
                                .right = right.get(),
                                .count = static_cast<std::int64_t>(values.size())});

  for (float& value : values) value += value;
  EXPECT_EQ(to_host(left, stream), values);
}

TEST(Cuda, TooMuchMemoryIsAskedForByName) {
  set_device(0);
  const DeviceMemory memory = device_memory();
  try {
    allocate_device(memory.total * 2, "activations of a huge shard");
    FAIL() << "twice the GPU's memory was given";
  } catch (const OutOfDeviceMemory& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("activations of a huge shard"));
    EXPECT_EQ(error.asked(), memory.total * 2);
    EXPECT_LE(error.free(), memory.total);
  }
  EXPECT_NO_THROW(ANNULUS_CHECK_CUDA(cudaGetLastError())) << "the error has been dealt with";
}

TEST(Cuda, AFailedCallNamesItselfAndThePlace) {
  set_device(0);
  try {
    ANNULUS_CHECK_CUDA(cudaSetDevice(12345));
    FAIL() << "there is no such GPU";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("cudaSetDevice(12345)"),
                                             testing::HasSubstr("cuda_gpu_test.cpp")));
  }
}

}  // namespace
}  // namespace annulus::comm
