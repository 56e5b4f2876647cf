// What kernels in AVX-512 share. They are compiled for it whatever the rest of the program is compiled for;
// callers ask first whether the processor has it.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "trainer/backend/cpu/pooled_kernels.hpp"

#define ANNULUS_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define ANNULUS_UNROLL _Pragma("GCC unroll 16")

// GCC 12 warns about its own intrinsics, which pass a value on that is undefined on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace annulus::trainer::cpu {

using Vector = __m512;

constexpr int kTaps = 9;  ///< of a 3x3 kernel
constexpr int kVectorBytes = kBlock * sizeof(float);

ANNULUS_AVX512 inline Vector load(const float* from) { return _mm512_loadu_ps(from); }
ANNULUS_AVX512 inline void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
ANNULUS_AVX512 inline __m512i load_bytes(const std::uint8_t* from) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

}  // namespace annulus::trainer::cpu
