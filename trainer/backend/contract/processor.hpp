// The processor that the cpu backend computes on, known before anything is compiled for it.
#pragma once

#include <string>

#include "trainer/model/instruction_set.hpp"

namespace annulus::trainer {

/// The highest that processor, operating system and the variable ONEDNN_MAX_CPU_ISA allow; `automatic` for a
/// processor without SSE 4.1.
InstructionSet own_instruction_set();

/// No kernel of this process uses more from here on, neither oneDNN's nor our own. Before the first replica.
/// @throws RuntimeError when the library does not take it
void limit_instruction_set(InstructionSet most);

/// As the system calls it: "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"; without a name its family and model.
std::string processor_name();

}  // namespace annulus::trainer
