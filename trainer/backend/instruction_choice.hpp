// One instruction set for all ranks of a job. Kernels for different ones add in different orders, so that the
// numbers would depend on which rank computes which shard.
//
// In: what every rank's processor has, what the configuration asks for, what an earlier start kept to.
// Out: the instruction set that all ranks compute with.
// Invariant: messages have one size whatever a rank finds, and all ranks come to the same choice.
// Next: contract/processor.hpp (what a rank has), trainer/loop/same_numbers.hpp (the proof that it worked).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "comm/ranks/process_group.hpp"
#include "trainer/model/instruction_set.hpp"

namespace annulus::trainer {

struct InstructionWish {
  InstructionSet asked = InstructionSet::automatic;    ///< device.isa
  InstructionSet earlier = InstructionSet::automatic;  ///< of an earlier start of the run; automatic = none
};

/// What a rank tells the others about its processor. Plain bytes.
struct RankProcessor {
  char host[64] = {};
  char name[128] = {};
  InstructionSet isa = InstructionSet::automatic;
};

/// Of this process.
RankProcessor own_processor(const std::string& host);

/// What was asked for; else what the run kept to before, where all ranks have it; else the highest that all
/// have.
/// @throws UsageError naming the ranks that do not have what was asked for
InstructionSet choose_instructions(const InstructionWish& wish, std::span<const RankProcessor> ranks);

/// "rank 1 on b (Xeon ...) has avx2": a note for each rank that could do more or less than rank 0; "" when
/// all are alike.
std::string mixed_text(std::span<const RankProcessor> ranks);

/// Chooses, and keeps this rank's kernels to it; says so where that is less than a rank has. Collective.
void agree_on_instructions(const InstructionWish& wish, comm::ProcessGroup& group, const std::string& host);

}  // namespace annulus::trainer
