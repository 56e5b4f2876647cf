// See processor.hpp. oneDNN fixes its choice when it is first asked for it, so it is asked only afterwards.
#include "trainer/backend/contract/processor.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <dnnl.hpp>
#include <fstream>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// Of the processor, as far as the operating system keeps its registers.
InstructionSet hardware() {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
  if (bf16 && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") &&
      __builtin_cpu_supports("amx-bf16"))
    return InstructionSet::avx512_amx;
  if (bf16) return InstructionSet::avx512_bf16;
  if (vnni) return InstructionSet::avx512_vnni;
  if (avx512) return InstructionSet::avx512;
  if (__builtin_cpu_supports("avx2")) return InstructionSet::avx2;
  if (__builtin_cpu_supports("avx")) return InstructionSet::avx;
  return __builtin_cpu_supports("sse4.1") ? InstructionSet::sse41 : InstructionSet::automatic;
}

/// What limit_instruction_set() set: the library takes it once a process.
std::optional<InstructionSet>& kept_limit() {
  static std::optional<InstructionSet> limit;
  return limit;
}

/// What oneDNN's variable says, in whatever case; words that it does not know it ignores.
std::optional<InstructionSet> environment_limit() {
  const char* given = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (given == nullptr) given = std::getenv("DNNL_MAX_CPU_ISA");
  if (given == nullptr) return std::nullopt;
  std::string word = given;
  std::ranges::transform(word, word.begin(), [](unsigned char letter) { return std::tolower(letter); });
  using enum InstructionSet;
  constexpr std::pair<const char*, InstructionSet> kWords[] = {{"sse41", sse41},
                                                               {"avx", avx},
                                                               {"avx2", avx2},
                                                               {"avx2_vnni", avx2},
                                                               {"avx2_vnni_2", avx2},
                                                               {"avx512_core", avx512},
                                                               {"avx512_core_vnni", avx512_vnni},
                                                               {"avx512_core_bf16", avx512_bf16},
                                                               {"avx512_core_fp16", avx512_bf16},
                                                               {"avx10_1_512", avx512_bf16},
                                                               {"avx512_core_amx", avx512_amx},
                                                               {"avx512_core_amx_fp16", avx512_amx},
                                                               {"avx10_1_512_amx", avx512_amx},
                                                               {"avx10_1_512_amx_fp16", avx512_amx}};
  for (const auto& [name, isa] : kWords)
    if (word == name) return isa;
  return std::nullopt;
}

dnnl_cpu_isa_t word_of_library(InstructionSet isa) {
  switch (isa) {
    case InstructionSet::automatic:
      return dnnl_cpu_isa_t{};  // "all" in version 2, "default" in version 3
    case InstructionSet::sse41:
      return dnnl_cpu_isa_sse41;
    case InstructionSet::avx:
      return dnnl_cpu_isa_avx;
    case InstructionSet::avx2:
      return dnnl_cpu_isa_avx2;
    case InstructionSet::avx512:
      return dnnl_cpu_isa_avx512_core;
    case InstructionSet::avx512_vnni:
      return dnnl_cpu_isa_avx512_core_vnni;
    case InstructionSet::avx512_bf16:
      return dnnl_cpu_isa_avx512_core_bf16;
    case InstructionSet::avx512_amx:
      return dnnl_cpu_isa_avx512_core_amx;
  }
  throw std::logic_error("every instruction set has a word of oneDNN");
}

/// The value behind "name : " in /proc/cpuinfo, of the first core.
std::string cpu_info(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    std::string key = line.substr(0, colon);
    key.erase(key.find_last_not_of(" \t") + 1);
    if (key == name) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

InstructionSet own_instruction_set() {
  const InstructionSet own = hardware();
  const auto limit = kept_limit() ? kept_limit() : environment_limit();
  return limit ? std::min(own, *limit) : own;
}

void limit_instruction_set(InstructionSet most) {
  if (kept_limit() == most) return;
  const dnnl_status_t status = dnnl_set_max_cpu_isa(word_of_library(most));
  if (status == dnnl_success) {
    kept_limit() = most;
    return;
  }
  throw RuntimeError(
      "oneDNN does not keep to the instruction set {} (status {}): it was built without that choice, or has compiled kernels before. Set the variable ONEDNN_MAX_CPU_ISA for all ranks instead.",
      word_of(most), static_cast<int>(status));
}

std::string processor_name() {
  const std::string name = cpu_info("model name"), family = cpu_info("cpu family"), model = cpu_info("model"),
                    stepping = cpu_info("stepping");
  std::string text = name.empty() ? cpu_info("vendor_id") : name;
  if (text.empty()) text = "an unknown processor";
  // Clouds call all of theirs "Intel(R) Xeon(R) Processor".
  if (!family.empty()) text += fmt::format(", family {} model {} stepping {}", family, model, stepping);
  return text;
}

}  // namespace annulus::trainer
