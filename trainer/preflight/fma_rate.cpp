// Chains of multiply-adds, as many as hide the latency of one behind the throughput of the others (two units
// of latency 4 need at least 8; Agner Fog, Instruction tables) and as still fit the registers.
#include "trainer/preflight/fma_rate.hpp"

#if defined(__FMA__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace annulus::trainer {
namespace {

#if defined(__AVX512F__)
using Lanes = __m512;
constexpr int kChains = 24;
Lanes all_lanes(float value) { return _mm512_set1_ps(value); }
Lanes multiply_add(Lanes x, Lanes a, Lanes b) { return _mm512_fmadd_ps(x, a, b); }
#elif defined(__FMA__)
using Lanes = __m256;
constexpr int kChains = 12;
Lanes all_lanes(float value) { return _mm256_set1_ps(value); }
Lanes multiply_add(Lanes x, Lanes a, Lanes b) { return _mm256_fmadd_ps(x, a, b); }
#else
using Lanes = float __attribute__((vector_size(16)));
constexpr int kChains = 12;
Lanes all_lanes(float value) { return Lanes{value, value, value, value}; }
Lanes multiply_add(Lanes x, Lanes a, Lanes b) { return x * a + b; }
#endif

constexpr double kFlopsPerRound = 2.0 * kChains * (sizeof(Lanes) / sizeof(float));
constexpr int kRounds = 5;
constexpr double kRoundSeconds = 0.01;

/// @return a value that depends on all chains, so that none can be left out
float run_chains(std::int64_t rounds) {
  Lanes chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = all_lanes(1.0F + static_cast<float>(i));
  const Lanes factor = all_lanes(0.999F);  // stays away from slow tiny numbers
  const Lanes term = all_lanes(0.001F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; ++i) chains[i] = multiply_add(chains[i], factor, term);
  }
  float sum = 0;
  for (const Lanes& chain : chains) sum += chain[0];
  return sum;
}

double seconds_of(std::int64_t rounds) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  volatile float result = run_chains(rounds);
  static_cast<void>(result);
  return std::chrono::duration<double>(Clock::now() - began).count();
}

/// How many rounds take about kRoundSeconds.
std::int64_t calibrated_rounds() {
  std::int64_t rounds = 1000;
  while (seconds_of(rounds) < kRoundSeconds) rounds *= 2;
  return rounds;
}

}  // namespace

double measure_fma_rate(WorkerPool& workers) {
  const std::int64_t rounds = calibrated_rounds();
  std::vector<double> seconds(static_cast<std::size_t>(workers.size()));
  double best = 0;
  for (int i = 0; i < kRounds; ++i) {
    workers.run([&](int worker) { seconds[static_cast<std::size_t>(worker)] = seconds_of(rounds); });
    double rate = 0;
    for (const double one : seconds) rate += kFlopsPerRound * static_cast<double>(rounds) / one;
    best = std::max(best, rate);
  }
  return best;
}

}  // namespace annulus::trainer
