// Whether all ranks of a job compute the same bits from the same numbers, found out before the first step and
// before anything is exchanged whose length depends on what a rank has compiled.
//
// In: each rank's compiled replica.
// Out: the record that checkpoints keep, so that a later start can tell whether it computes alike.
// Invariant: what travels has one size, whatever a rank has found.
// Next: trial_shard.hpp (the number that proves it), trainer/backend/instruction_choice.hpp (what makes it
// true), trainer/run/resume_rules.hpp (the same question between two starts).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "comm/ranks/process_group.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// How a run computes; in its checkpoints and in environment.json.
struct NumbersRecord {
  std::string machine;        ///< processor, instruction set and libraries; empty = not known
  std::string instructions;   ///< a word of InstructionSet; empty on a GPU
  std::uint64_t trial = 0;    ///< trial_hash(); 0 = there was none
  std::uint64_t subject = 0;  ///< trial_subject()
};

/// What a rank tells the others about itself. Plain bytes.
struct RankNumbers {
  char host[64] = {};
  char processor[128] = {};
  char instructions[16] = {};
  char libraries[96] = {};
  std::uint64_t parameters = 0;  ///< elements of the arena, of the moving averages and of a gradient buffer
  std::uint64_t statistics = 0;
  std::uint64_t gradient = 0;
  std::uint64_t kernels = 0;  ///< hash of Machine::kernels
  std::uint64_t trial = 0;
};

/// How the odd ranks differ from most, a sentence; empty when all of them compute alike: buffers of equal
/// lengths, the same libraries and kernels and the same numbers of the trial. Without a trial (a GPU) the
/// processor counts as well.
std::string odd_ranks(std::span<const RankNumbers> ranks);

/// Runs the trial and compares. Collective; spoils the replica's parameters and moving averages.
/// @throws UsageError on every rank, naming the odd ones, when they differ and device.mixed does not allow it
/// (buffers of other lengths never are)
NumbersRecord require_same_numbers(const Config& config, Replica& replica, comm::ProcessGroup& group,
                                   const std::string& host);

}  // namespace annulus::trainer
