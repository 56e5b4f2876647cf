// The bucket size across ranks: measured between (played) GPUs, the same everywhere, nothing left behind.
#include "comm/device/bucket_choice.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/lazy_device.hpp"
#include "tests/support/mpi_environment.hpp"

namespace annulus::comm {
namespace {

constexpr std::size_t kGradientBytes = std::size_t{3} << 20;

class BucketSizeMpi : public testing::TestWithParam<Reduction> {
 protected:
  ProcessGroup& host_ = annulus::test::session().group();
  test::LazyGroup device_{host_, test::Ahead::computation, Transport::nccl};
};

TEST_P(BucketSizeMpi, IsMeasuredBetweenGpusAndTheSameOnEveryRank) {
  const BucketSize size =
      choose_bucket_size({.reduction = GetParam(), .gradient_bytes = kGradientBytes}, device_.group.get());

  EXPECT_EQ(size.origin, host_.size() > 1 ? BucketSize::Origin::measured : BucketSize::Origin::usual);
  EXPECT_GE(size.bytes, std::size_t{1} << 16);
  EXPECT_LE(size.bytes, kGradientBytes);
  std::vector<std::size_t> all(static_cast<std::size_t>(host_.size()));
  host_.all_gather(std::as_bytes(std::span(&size.bytes, 1)), std::as_writable_bytes(std::span(all)), "test");
  for (const std::size_t other : all) EXPECT_EQ(other, size.bytes);
}

TEST_P(BucketSizeMpi, GivesBackWhatMeasuringTook) {
  const std::size_t before = device_.work->allocations();

  probe_bucket_bytes(*device_.group, GetParam(), kGradientBytes);

  EXPECT_EQ(device_.work->allocations(), before);
}

TEST_P(BucketSizeMpi, AGivenOneIsNotMeasured) {
  if (device_.link != nullptr) device_.link->lose_peers();  // whoever sends now waits for ever

  const BucketSize size =
      choose_bucket_size({.given_bytes = 12345, .reduction = GetParam()}, device_.group.get());

  EXPECT_EQ(size.bytes, 12345u);
  EXPECT_EQ(size.origin, BucketSize::Origin::given);
}

INSTANTIATE_TEST_SUITE_P(Reductions, BucketSizeMpi, testing::Values(Reduction::tree, Reduction::fast));

}  // namespace
}  // namespace annulus::comm
