// Which instruction set ranks with different processors agree on.
#include "trainer/backend/instruction_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/backend/contract/processor.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

RankProcessor rank(const std::string& host, const std::string& name, InstructionSet isa) {
  RankProcessor result;
  host.copy(result.host, sizeof result.host - 1);
  name.copy(result.name, sizeof result.name - 1);
  result.isa = isa;
  return result;
}

const std::vector<RankProcessor> kMixed{rank("a", "Xeon", InstructionSet::avx512_amx),
                                        rank("b", "Epyc", InstructionSet::avx2),
                                        rank("c", "Xeon", InstructionSet::avx512_amx)};
const std::vector<RankProcessor> kAlike{kMixed[0], kMixed[2]};

TEST(InstructionChoice, AutoTakesWhatAllHave) {
  EXPECT_EQ(choose_instructions({}, kMixed), InstructionSet::avx2);
  EXPECT_EQ(choose_instructions({}, kAlike), InstructionSet::avx512_amx);
}

TEST(InstructionChoice, AutoKeepsToWhatTheRunBeganWith) {
  EXPECT_EQ(choose_instructions({.earlier = InstructionSet::avx512}, kAlike), InstructionSet::avx512);
  EXPECT_EQ(choose_instructions({.earlier = InstructionSet::avx512}, kMixed), InstructionSet::avx2);
}

TEST(InstructionChoice, AWordIsTakenWhereAllHaveIt) {
  EXPECT_EQ(choose_instructions({InstructionSet::avx2, InstructionSet::avx512}, kAlike),
            InstructionSet::avx2);
}

TEST(InstructionChoice, AWordThatARankLacksIsRefusedWithItsName) {
  const std::string message =
      message_of<UsageError>([] { choose_instructions({.asked = InstructionSet::avx512}, kMixed); });

  EXPECT_THAT(message, AllOf(HasSubstr("device.isa is avx512"), HasSubstr("rank 1 on b (Epyc) has avx2"),
                             HasSubstr("device.isa=avx2"), Not(HasSubstr("rank 2"))));
}

TEST(InstructionChoice, MixedRanksAreNamed) {
  EXPECT_EQ(mixed_text(kMixed), "rank 0 on a (Xeon) has avx512_amx, but rank 1 on b (Epyc) has avx2");
  EXPECT_EQ(mixed_text(kAlike), "");
}

TEST(InstructionChoice, OurEyesSeeWhatTheLibraryUses) {
  const Network network =
      NetworkBuilder({.height = 2, .width = 2, .channels = 1}).flatten().dense({.units = 2}).build();
  const Machine machine = make_cpu_replica(network, {.shard_samples = 1})->machine();

  EXPECT_EQ(machine.instructions, word_of(own_instruction_set()));
  EXPECT_THAT(machine.kernels, HasSubstr("dense"));
  EXPECT_THAT(machine.libraries, testing::ContainsRegex("oneDNN [23][.]"));
}

}  // namespace
}  // namespace annulus::trainer
