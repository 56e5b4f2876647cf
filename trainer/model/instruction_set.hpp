// Instruction sets of x86 processors that kernels are chosen for; plain, so that the configuration can name
// them without a backend.
#pragma once

#include "base/enum_words.hpp"

namespace annulus::trainer {

/// Later ones contain the earlier ones, as oneDNN orders them.
enum class InstructionSet {
  automatic,  ///< the highest that every rank has
  sse41,
  avx,
  avx2,
  avx512,  ///< F, BW, VL and DQ
  avx512_vnni,
  avx512_bf16,
  avx512_amx,
};

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::InstructionSet> {
  static constexpr std::array kWords{"auto",   "sse41",       "avx",         "avx2",
                                     "avx512", "avx512_vnni", "avx512_bf16", "avx512_amx"};
};
