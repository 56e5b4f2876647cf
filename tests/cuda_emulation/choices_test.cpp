// What is said of the choices that libraries make, and what becomes of libraries that run out of memory.
#include <cublasLt.h>
#include <cudnn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/cuda/cuda.hpp"
#include "comm/cuda/nccl_link.hpp"
#include "comm/cuda/out_of_device_memory.hpp"
#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/cuda_emulation/fake_libraries.hpp"
#include "tests/cuda_emulation/fake_nccl.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/backend/contract/cuda_backend.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Two convolutions, of which the played cuDNN fuses the square one, and two dense layers, of which the
/// played cuBLASLt has no epilogue for the odd one.
Network both_kinds() {
  return NetworkBuilder({.height = 6, .width = 6, .channels = 3})
      .conv2d({.filters = 4, .kernel = {3, 3}})
      .activate(Activation::relu)
      .conv2d({.filters = 4, .kernel = {3, 1}})
      .activate(Activation::relu)
      .flatten()
      .dense({.units = 6})
      .activate(Activation::relu)
      .dense({.units = 3})
      .activate(Activation::softmax)
      .build();
}

/// What is said while a replica is made: in the rank's log, and on standard output.
struct Said {
  std::string log, output;
};
Said said_of(const Network& network, KernelCounts* counts = nullptr) {
  const TemporaryDirectory folder;
  const std::string file = folder.path() + "/rank.log";
  configure_log(0, 1, file);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto replica = make_cuda_replica(network, {.shard_samples = 2}, Precision::float32);
  testing::internal::GetCapturedStderr();
  Said said{.log = {}, .output = testing::internal::GetCapturedStdout()};
  configure_log(0, 1);
  std::ifstream log(file);
  said.log = {std::istreambuf_iterator<char>(log), {}};
  if (counts != nullptr) *counts = kernel_counts(*replica);
  return said;
}

TEST(Choices, AreCountedAndSaidInOneLine) {
  KernelCounts counts;

  const Said said = said_of(both_kinds(), &counts);

  EXPECT_EQ(
      counts,
      (KernelCounts{{"convolutions", {{"fused", 1}, {"unfused", 1}, {"plain", 0}}},
                    {"convolution_gradients", {{"cudnn", 3}, {"plain", 0}}},
                    {"dense", {{"bias_relu", 1}, {"bias", 0}, {"relu", 0}, {"none", 0}, {"refused", 1}}}}));
  EXPECT_THAT(
      said.log,
      HasSubstr(
          "info kernels: 2 convolutions forward: 1 fused, 1 unfused, 0 plain; their gradients: 3 by cuDNN, 0 plain; 2 dense layers, in the product: 1 bias and ReLU, 0 bias, 0 ReLU, 0 nothing, 1 refused"));
  EXPECT_THAT(said.log, AllOf(HasSubstr("debug "), Not(HasSubstr("plain kernel"))));
  EXPECT_THAT(said.output, IsEmpty()) << "belongs to results";
}

TEST(Choices, APlainKernelIsAWarningInTheLog) {
  const test::PretendRefusals refusals(CUDNN_STATUS_NOT_SUPPORTED, 0);
  KernelCounts counts;

  const Said said = said_of(both_kinds(), &counts);

  EXPECT_EQ(counts["convolutions"]["plain"], 2);
  EXPECT_EQ(counts["convolution_gradients"]["plain"], 3);
  EXPECT_THAT(said.log, ContainsRegex("warning .*so a plain kernel runs it"));
  EXPECT_THAT(said.output, IsEmpty()) << "belongs to results";
}

TEST(Choices, RanksThatChoseOtherwiseAreTold) {
  const auto kernels = [] {
    return make_cuda_replica(both_kinds(), {.shard_samples = 2}, Precision::float32)->machine().kernels;
  };
  const std::string usual = kernels();
  EXPECT_EQ(kernels(), usual);

  const test::PretendRefusals refusals(CUDNN_STATUS_NOT_SUPPORTED, 0);
  EXPECT_NE(kernels(), usual);
}

TEST(Choices, AnotherBackendHasNone) {
  EXPECT_THAT(kernel_counts(*make_cpu_replica(both_kinds(), {.shard_samples = 1})), IsEmpty());
}

constexpr std::size_t kMega = 1'000'000;

/// 128 images make 4.2 MB behind the convolution, and 1.6 MB before it.
Network large() {
  return NetworkBuilder({.height = 32, .width = 32, .channels = 3})
      .conv2d({.filters = 8, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
      .flatten()
      .dense({.units = 2})
      .activate(Activation::softmax)
      .build();
}

std::string refusal_of(const Network& network) {
  try {
    make_cuda_replica(network, {.shard_samples = 128}, Precision::float32);
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return {};
}

TEST(LibraryMemory, ACodeThatSaysSoNamesAShardThatFits) {
  const test::PretendMemory memory(100 * kMega);
  const test::PretendRefusals refusals(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, 0, 88 * kMega);

  EXPECT_THAT(
      refusal_of(large()),
      AllOf(HasSubstr("no room for what cuDNN needs beside the network"), HasSubstr("of 100.0 MB are free"),
            HasSubstr("Shards of 128 images do not fit"), HasSubstr("shards of 64 do")));
}

TEST(LibraryMemory, CuBlasLtLikewise) {
  const test::PretendMemory memory(100 * kMega);
  const test::PretendRefusals refusals(0, CUBLAS_STATUS_ALLOC_FAILED, 88 * kMega);

  EXPECT_THAT(refusal_of(large()), AllOf(HasSubstr("what cuBLASLt needs"), HasSubstr("shards of 64 do")));
}

TEST(LibraryMemory, AFailureOnAFullGpuIsWantOfMemory) {
  // Code of kernels is loaded when it is first needed; then it is the launch that fails.
  const test::PretendMemory memory(45 * kMega);
  const test::PretendRefusals refusals(CUDNN_STATUS_EXECUTION_FAILED, 0, 33 * kMega);

  EXPECT_THAT(refusal_of(large()), AllOf(HasSubstr("what cuDNN needs"), HasSubstr("shards of 64 do")));
}

TEST(LibraryMemory, AFailureWithRoomToSpareIsOnlyAnAlgorithmThatDoesNotRun) {
  const test::PretendRefusals refusals(CUDNN_STATUS_EXECUTION_FAILED, 0);
  KernelCounts counts;

  said_of(both_kinds(), &counts);

  EXPECT_EQ(counts["convolutions"]["plain"], 2);
}

TEST(LibraryMemory, NcclSaysItInWords) {
  const comm::Stream stream;
  const auto alone = comm::make_serial_group();
  for (const char* const word : {"Cuda failure 2 'out of memory'", "Failed to CUDA calloc 4194304 bytes"}) {
    const test::PretendFailedStart failed(word);
    EXPECT_THROW(comm::make_nccl_link(*alone, stream.get()), comm::OutOfDeviceMemory) << word;
  }
  const test::PretendFailedStart failed("Cuda failure 801 'operation not supported'");
  try {
    comm::make_nccl_link(*alone, stream.get());
    ADD_FAILURE() << "started";
  } catch (const comm::OutOfDeviceMemory&) {
    ADD_FAILURE() << "there was memory enough";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("operation not supported"));
  }
}

}  // namespace
}  // namespace annulus::trainer
