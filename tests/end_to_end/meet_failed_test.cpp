// How ranks end that have failed: orderly when all of them have, and by force, soon, when the others are at
// work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double kSoon = 10;  // seconds, generous for a busy machine; the limit of a wait is 300

class MeetFailed : public testing::TestWithParam<int> {
 protected:
  /// Runs the ranks and expects each of those from `first` on to find this.
  void expect_all_to_find(const std::string& failing, ExitCode code, const std::string& found,
                          int first = 0) {
    const Outcome outcome =
        place_.shell(fmt::format("$MPIRUN -n {} {} {}", GetParam(), MEET_FAILED_PROGRAM, failing));

    EXPECT_EQ(outcome.code, static_cast<int>(code)) << outcome.output;
    EXPECT_LT(outcome.seconds, kSoon);
    for (int rank = first; rank < GetParam(); ++rank)
      EXPECT_THAT(outcome.output, HasSubstr(fmt::format("rank {}: {}\n", rank, found)));
    EXPECT_THAT(outcome.output, Not(HasSubstr("never came")));
    if (found != "alone") {
      EXPECT_THAT(outcome.output, Not(HasSubstr("MPI_ABORT")));
    }
    EXPECT_THAT(place_.left_behind(), IsEmpty());
  }

 private:
  Workplace place_{3};
};

TEST_P(MeetFailed, AllForTheSameCauseEndOrderly) {
  expect_all_to_find("alike", ExitCode::data, "of all alike");
}

TEST_P(MeetFailed, AllForTheirOwnCausesEndOrderly) {
  expect_all_to_find("differently", ExitCode::data, GetParam() == 1 ? "of all alike" : "of all");
}

TEST_P(MeetFailed, OneAloneEndsTheOthersWithItsCode) {
  if (GetParam() == 1)
    return expect_all_to_find("one", ExitCode::data, "of all alike");  // nobody waits for it
  expect_all_to_find("one", ExitCode::peer, "alone", GetParam() - 1);
}

/// Three ranks, of which one is stopped; no watchdog looks after them.
void expect_one_message(const std::string& processes) {
  const Workplace place(3);

  const Outcome outcome = place.shell(
      "export ANNULUS_MPI_SECONDS=2 OMPI_MCA_odls_base_sigkill_timeout=1\nexec $MPIRUN " + processes);

  EXPECT_EQ(outcome.code, static_cast<int>(ExitCode::peer)) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("of 3 waited 2 s for the other ranks at"));
  EXPECT_EQ(outcome.output.find("error: "), outcome.output.rfind("error: ")) << outcome.output;
  EXPECT_THAT(place.left_behind(), IsEmpty());
}

TEST(StoppedRank, OfAVerbThatNothingWatchesEndsTheOthersWithOneMessage) {
  expect_one_message(
      fmt::format("-n 1 \"$ANNULUS\" bench allreduce : -n 1 {} stopped : -n 1 \"$ANNULUS\" bench allreduce",
                  MEET_FAILED_PROGRAM));
}

TEST(StoppedRank, AtTheEndEndsTheOthersWithOneMessage) {
  expect_one_message(fmt::format("-n 3 {} last-stopped", MEET_FAILED_PROGRAM));
}

INSTANTIATE_TEST_SUITE_P(Ranks, MeetFailed, testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace annulus::test
