// jobs/debug.sh: what a person sees who looks for a fault, without and with a debugger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class DebugScript : public testing::Test {
 protected:
  /// With the program that is there, on data.h5, into the directory `run`.
  Outcome debug(const std::string& words) const {
    return place_.shell("ANNULUS_PROGRAM=\"$ANNULUS\" ANNULUS_RUN=$PWD/run " + source_dir() +
                        "/jobs/debug.sh configs/smoke.yaml data.path=$PWD/data.h5 " + words);
  }

  const Workplace place_{96};
};

TEST_F(DebugScript, ShowsTheLogsOfAllRanksAndWhatWasChecked) {
  const Outcome outcome = debug("--ranks 2");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("run/logs/rank-0.log ---"), HasSubstr("run/logs/rank-1.log ---"),
                    HasSubstr("every layer checked for NaN, replicas compared"),
                    HasSubstr("nothing found: no NaN or Inf behind any layer")));
}

TEST_F(DebugScript, AnInfiniteWeightIsNamedByItsLayer) {
  const Outcome outcome = debug("--ranks 2 optimizer.learning_rate=1e30");

  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(ContainsRegex("layer [a-z_0-9]+ put out (inf|-inf|nan)"),
                                    Not(HasSubstr("nothing found"))));
}

TEST_F(DebugScript, GdbShowsWhereItsRankCrashes) {
  if (std::system("command -v gdb >/dev/null") != 0) GTEST_SKIP() << "there is no gdb";

  const Outcome outcome = debug("--ranks 2 --gdb 1 --inject rank=1,step=2,kind=segfault");

  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("received signal SIGSEGV"), HasSubstr("TrainingLoop::run"),
                                    HasSubstr("run/logs/rank-0.log ---")));
}

TEST_F(DebugScript, MistakesAreNamed) {
  EXPECT_THAT(debug("--gdb 2 --ranks 2").output, HasSubstr("there are ranks 0 to 1"));
  EXPECT_THAT(debug("--gdb one").output, HasSubstr("--gdb needs the number of a rank"));
  EXPECT_THAT(debug("--verbose").output, HasSubstr("there is no option '--verbose'"));
}

}  // namespace
}  // namespace annulus::test
