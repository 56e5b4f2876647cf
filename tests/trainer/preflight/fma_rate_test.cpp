// The measured rate is one that hardware can have.
#include "trainer/preflight/fma_rate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace annulus::trainer {
namespace {

// A vector of 8 or 16 lanes, and as many chains as hide the latency of 4 and of 8 cycles: about 130 times one
// scalar chain; a single chain of vectors would be 32 times that. Unoptimised and checked code is far from
// both.
#if defined(__FMA__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
constexpr double kLeast = 50;
#else
constexpr double kLeast = 2;
#endif

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
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "instrumented code is as slow either way";
#endif
  WorkerPool workers(1);

  const double rate = measure_fma_rate(workers);

  EXPECT_GT(rate, kLeast * chain_rate());
  EXPECT_LT(rate, 1e12);  // two units of 16 lanes at 8 GHz would do half of it
}

}  // namespace
}  // namespace annulus::trainer
