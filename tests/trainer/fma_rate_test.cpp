// The measured rate is one that hardware can have.
#include "trainer/fma_rate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace annulus::trainer {
namespace {

/// FLOP/s of one chain of dependent multiply-adds, which waits for every single result.
double chain_rate() {
  constexpr int kCount = 2'000'000;
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    volatile float start = 1;
    float value = start;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < kCount; ++i) value = value * 0.999F + 0.001F;
    start = value;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    best = std::max(best, 2.0 * kCount / took.count());
  }
  return best;
}

TEST(FmaRate, IsFarAboveOneChainAndBelowAnyCore) {
  WorkerPool workers(1);

  const double rate = measure_fma_rate(workers);

  EXPECT_GT(rate, 4 * chain_rate());  // four lanes at least, and several chains at a time
  EXPECT_LT(rate, 1e12);              // two units of 16 lanes at 8 GHz would do half of it
}

}  // namespace
}  // namespace annulus::trainer
