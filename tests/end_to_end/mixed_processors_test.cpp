// Ranks and starts on different processors; two values of oneDNN's variable stand for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "trainer/backend/contract/processor.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using trainer::InstructionSet;

class MixedProcessors : public testing::Test {
 protected:
  void SetUp() override {
    if (trainer::own_instruction_set() <= InstructionSet::sse41)
      GTEST_SKIP() << "this processor has nothing to be mixed with";
  }

  /// Words of `training()` as shell words, on a processor that is limited or not.
  std::string command(const std::string& run, bool limited, const std::vector<std::string>& more = {}) const {
    std::string line = limited ? "env ONEDNN_MAX_CPU_ISA=" + older.variable + " $ANNULUS" : "$ANNULUS";
    for (const std::string& word : place.training(run, more)) line += " '" + word + "'";
    return line;
  }
  Outcome mixed(const std::string& run, const std::vector<std::string>& more = {}) const {
    // One program for both ranks: mpirun of Open MPI 5.0.7 does not take two.
    return place.shell("$MPIRUN -n 2 sh -c 'test $OMPI_COMM_WORLD_RANK = 0 || export ONEDNN_MAX_CPU_ISA=" +
                       older.variable + "; exec \"$@\"' sh " + command(run, false, more));
  }

  struct Older {
    std::string variable, word;
  };
  /// An instruction set below this processor's, whose kernels round otherwise.
  const Older older = trainer::own_instruction_set() >= InstructionSet::avx512 ? Older{"AVX2", "avx2"}
                                                                               : Older{"SSE41", "sse41"};
  const Workplace place{110};
};

TEST_F(MixedProcessors, OfRanksComeToWhatBothHave) {
  const Outcome both = mixed("mixed");
  const Outcome alone = place.shell(command("alone", false, {"device.isa=" + older.word}));

  ASSERT_EQ(both.code, 0) << both.output;
  ASSERT_EQ(alone.code, 0) << alone.output;
  EXPECT_THAT(both.output, AllOf(HasSubstr("the processors of the ranks differ"), HasSubstr("but rank 1 on "),
                                 HasSubstr("has " + older.word)));
  EXPECT_EQ(place.state_hash("mixed"), place.state_hash("alone"));
  const Outcome newer = place.shell(command("newer", false));
  ASSERT_EQ(newer.code, 0) << newer.output;
  EXPECT_NE(place.state_hash("newer"), place.state_hash("alone")) << "the two round alike: nothing is proven";
}

TEST_F(MixedProcessors, WithoutWhatIsAskedForAreRefusedByName) {
  const std::string own = word_of(trainer::own_instruction_set());

  const Outcome refused = mixed("refused", {"device.isa=" + own});

  EXPECT_EQ(refused.code, 2) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("device.isa is " + own), HasSubstr("rank 1 on ")));
}

TEST_F(MixedProcessors, OfALaterStartKeepToWhatTheRunBeganWith) {
  ASSERT_EQ(place.shell(command("whole", true, {"epochs=4"})).code, 0);
  ASSERT_EQ(place.shell(command("parts", true, {"epochs=2"})).code, 0);

  const Outcome resumed = place.shell(command("parts", false, {"epochs=4"}));

  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("computing with " + older.word + ", as this run began"));
  EXPECT_EQ(place.state_hash("parts"), place.state_hash("whole"));
  EXPECT_EQ(io::Hdf5File::open(place.path("parts/checkpoints/latest").string())
                .string_attribute("/", "instructions"),
            older.word);
}

TEST_F(MixedProcessors, OfALaterStartThatComputeOtherwiseAreRefusedUnlessAllowed) {
  ASSERT_EQ(place.shell(command("run", false, {"epochs=1"})).code, 0);

  const Outcome refused = place.shell(command("run", true, {"epochs=2"}));
  const Outcome allowed = place.shell(command("run", true, {"epochs=2", "--allow-change", "device.numbers"}));

  EXPECT_EQ(refused.code, 2) << refused.output;
  EXPECT_THAT(refused.output,
              AllOf(HasSubstr("device.numbers: "), HasSubstr(older.word), HasSubstr("--allow-change")));
  EXPECT_EQ(allowed.code, 0) << allowed.output;
}

}  // namespace
}  // namespace annulus::test
