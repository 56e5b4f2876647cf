// The bucket size from made-up measurements.
#include "comm/device/bucket_choice.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "comm/device/group.hpp"
#include "tests/support/lazy_device.hpp"

namespace annulus::comm {
namespace {

AllreduceFigure figure(std::size_t bytes, Reduction reduction, double microseconds) {
  return {.bytes = bytes, .reduction = reduction, .microseconds = microseconds};
}

TEST(BucketChoice, FitsTheLineOfOneKind) {
  const std::vector<AllreduceFigure> figures{
      figure(1000, Reduction::tree, 30), figure(1000, Reduction::fast, 20),
      figure(4000, Reduction::tree, 500), figure(11000, Reduction::tree, 130),
      figure(11000, Reduction::fast, 25)};

  const AllreduceCost cost = fit_cost(figures, Reduction::tree);

  EXPECT_NEAR(cost.seconds_per_byte, 1e-8, 1e-14);  // 100 us for 10000 bytes
  EXPECT_NEAR(cost.seconds, 20e-6, 1e-11);          // what is left of 30 us
}

TEST(BucketChoice, NeedsTwoMessages) {
  const std::vector<AllreduceFigure> figures{figure(1000, Reduction::tree, 30),
                                             figure(1000, Reduction::fast, 20)};

  EXPECT_THROW(fit_cost(figures, Reduction::tree), std::logic_error);
}

TEST(BucketChoice, DelaysAStepLeast) {
  const AllreduceCost cost{.seconds = 20e-6, .seconds_per_byte = 1e-11};  // 100 GB/s
  const double all = 50e6;
  const auto delay = [&](double bytes) { return bytes * cost.seconds_per_byte + all / bytes * cost.seconds; };

  const auto best = static_cast<double>(choose_bucket_bytes(cost, static_cast<std::size_t>(all)));

  EXPECT_LT(delay(best), delay(best * 1.1));
  EXPECT_LT(delay(best), delay(best / 1.1));
}

TEST(BucketChoice, StaysWithinBounds) {
  EXPECT_EQ(choose_bucket_bytes({.seconds = 0, .seconds_per_byte = 1e-11}, 50'000'000), 65536u)
      << "not in crumbs";
  EXPECT_EQ(choose_bucket_bytes({.seconds = 1, .seconds_per_byte = 1e-11}, 50'000'000), 50'000'000u)
      << "all at once";
  EXPECT_EQ(choose_bucket_bytes({.seconds = 1, .seconds_per_byte = 0}, 50'000'000), 50'000'000u)
      << "bytes for free";
  EXPECT_EQ(choose_bucket_bytes({.seconds = 0, .seconds_per_byte = 1e-11}, 4000), 4000u) << "a small network";
}

TEST(BucketChoice, ARankAloneHasOneBucket) {
  const auto host = make_serial_group();
  test::LazyGroup device(*host, test::Ahead::computation, Transport::host);

  EXPECT_EQ(probe_bucket_bytes(*device.group, Reduction::tree, 12345 * 4), 12345u * 4);
}

TEST(BucketSize, WhatIsGivenWins) {
  const BucketSize size = choose_bucket_size({.given_bytes = 4096, .gradient_bytes = 100'000}, nullptr);

  EXPECT_EQ(size.bytes, 4096u);
  EXPECT_STREQ(word_of(size.origin), "given");
}

TEST(BucketSize, IsTheUsualOneWhereNothingIsMeasured) {
  const auto host = make_serial_group();
  test::LazyGroup device(*host, test::Ahead::computation, Transport::host);
  const BucketWish open{.gradient_bytes = 100'000'000};

  for (DeviceGroup* const gpus : {static_cast<DeviceGroup*>(nullptr), device.group.get()}) {
    const BucketSize size = choose_bucket_size(open, gpus);
    EXPECT_EQ(size.bytes, std::size_t{1} << 20);
    EXPECT_STREQ(word_of(size.origin), "usual");
  }
}

}  // namespace
}  // namespace annulus::comm
