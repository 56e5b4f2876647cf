// Eight counters at a time with AVX-512 where the compiler has it, else one by one: the same bits either way.
#include "trainer/backend/planning/keyed_dropout.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "base/random.hpp"

namespace annulus::trainer {
namespace {

constexpr int kBlocks = 8;           // blocks of four words computed together
constexpr int kGroup = 4 * kBlocks;  // elements they decide

struct Generator {
  std::array<std::uint32_t, 2> key;
  Counter counter;  // of block 0
};

Generator generator_of(const DropoutKey& key) {
  expect_contract(key.layer >= 0 && key.layer < (1 << 16), "a dropout layer's index fits into 16 bits");
  expect_contract(key.epoch < (std::uint64_t{1} << 32), "an epoch's number fits into 32 bits");
  const auto high = static_cast<std::uint32_t>(key.sample >> 32);
  return {.key = stream_key(key.seed, Purpose::dropout),
          .counter = {0, static_cast<std::uint32_t>(key.layer) | (high << 16),
                      static_cast<std::uint32_t>(key.sample),
                      static_cast<std::uint32_t>(key.epoch) ^ (high & 0xFFFF0000u)}};
}

#if defined(__AVX512F__) && defined(__AVX512BW__)

// GCC 12 warns about the undefined source operand of the plain forms of these two (its bug 105593); with
// every lane selected the zeroing forms are the same instructions.
inline __m512i multiply_low_halves(__m512i a, __m512i b) { return _mm512_maskz_mul_epu32(0xFF, a, b); }
inline __m512i high_halves(__m512i a) { return _mm512_maskz_srli_epi64(0xFF, a, 32); }
inline __m512i in_all(std::uint32_t value) { return _mm512_set1_epi64(static_cast<long long>(value)); }

// Bits 0..15 and 16..31. Not by a shift and an or: where registers are scarce, GCC 12 stores such a mask in
// two bytes and loads it again as four, with what lay beside it (seen with -O1 -fsanitize=thread).
inline std::uint32_t join(__mmask16 low, __mmask16 high) {
  return _cvtmask32_u32(_mm512_kunpackw(high, low));
}

// Eight blocks, one to each 64-bit lane: the multiplication reads low halves only, so the high halves may
// hold anything and no word needs masking. @return 32 decisions in element order.
inline std::uint32_t keep_bits(const Generator& generator, std::uint32_t first, std::uint32_t threshold) {
  __m512i word0 = _mm512_add_epi64(in_all(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
  __m512i word1 = in_all(generator.counter[1]);
  __m512i word2 = in_all(generator.counter[2]);
  __m512i word3 = in_all(generator.counter[3]);
  std::uint32_t key0 = generator.key[0], key1 = generator.key[1];
  using Constants = PhiloxConstants;
  // A truth table: bit 4 a + 2 b + c is the result for bits a, b, c. 1001 0110: 1 where an odd number of them
  // is 1, i.e. at 1, 2, 4 and 7.
  constexpr int kXorOfThree = 0x96;
  for (int round = 0; round < Constants::kRounds;
       ++round, key0 += Constants::kKeyStep0, key1 += Constants::kKeyStep1) {
    const __m512i product0 = multiply_low_halves(word0, in_all(Constants::kMultiplier0));
    const __m512i product1 = multiply_low_halves(word2, in_all(Constants::kMultiplier1));
    word0 = _mm512_ternarylogic_epi64(high_halves(product1), word1, in_all(key0), kXorOfThree);
    word2 = _mm512_ternarylogic_epi64(high_halves(product0), word3, in_all(key1), kXorOfThree);
    word1 = product1;
    word3 = product0;
  }
  constexpr __mmask16 kOdd = 0xAAAA;
  const __m512i words01 = _mm512_mask_shuffle_epi32(word0, kOdd, word1, _MM_PERM_CCAA);
  const __m512i words23 = _mm512_mask_shuffle_epi32(word2, kOdd, word3, _MM_PERM_CCAA);
  const __m512i low = _mm512_permutex2var_epi64(words01, _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), words23);
  const __m512i high =
      _mm512_permutex2var_epi64(words01, _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4), words23);
  const __m512i limit = _mm512_set1_epi32(static_cast<int>(threshold));
  return join(_mm512_cmpge_epu32_mask(low, limit), _mm512_cmpge_epu32_mask(high, limit));
}

inline void expand(std::uint32_t bits, float scale, float* factors) {
  const __m512 scales = _mm512_set1_ps(scale);
  _mm512_storeu_ps(factors, _mm512_maskz_mov_ps(static_cast<__mmask16>(bits), scales));
  _mm512_storeu_ps(factors + 16, _mm512_maskz_mov_ps(static_cast<__mmask16>(bits >> 16), scales));
}

#else

inline std::uint32_t keep_bits(const Generator& generator, std::uint32_t first, std::uint32_t threshold) {
  std::uint32_t bits = 0;
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    Counter counter = generator.counter;
    counter[0] = first + block;
    const auto words = philox(generator.key, counter);
    for (std::uint32_t w = 0; w < 4; ++w) bits |= std::uint32_t{words[w] >= threshold} << (4 * block + w);
  }
  return bits;
}

inline void expand(std::uint32_t bits, float scale, float* factors) {
  for (int e = 0; e < kGroup; ++e) factors[e] = (bits >> e) & 1u ? scale : 0.0f;
}

#endif

// keep_bits of group `group`, i.e. of elements [32 * group, 32 * group + 32).
inline std::uint32_t group_bits(const Generator& generator, std::size_t group, std::uint32_t threshold) {
  return keep_bits(generator, static_cast<std::uint32_t>(group * kBlocks), threshold);
}

}  // namespace

std::uint32_t dropout_threshold(float rate) {
  expect_contract(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1)");
  return static_cast<std::uint32_t>(std::min(std::round(static_cast<double>(rate) * 0x1p32), 0x1p32 - 1));
}

float dropout_scale(float rate) {
  expect_contract(rate >= 0 && rate < 1, "a dropout rate lies in [0, 1)");
  return static_cast<float>(1.0 / (1.0 - static_cast<double>(rate)));
}

void dropout_factors(const DropoutKey& key, float rate, std::span<float> factors) {
  const Generator generator = generator_of(key);
  const std::uint32_t threshold = dropout_threshold(rate);
  const float scale = dropout_scale(rate);
  const std::size_t groups = factors.size() / kGroup;
  for (std::size_t group = 0; group < groups; ++group)
    expand(group_bits(generator, group, threshold), scale, factors.data() + group * kGroup);
  if (factors.size() == groups * kGroup) return;
  std::array<float, kGroup> tail{};
  expand(group_bits(generator, groups, threshold), scale, tail.data());
  std::copy_n(tail.begin(), factors.size() - groups * kGroup, factors.begin() + groups * kGroup);
}

}  // namespace annulus::trainer
