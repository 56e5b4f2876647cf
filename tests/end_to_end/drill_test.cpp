// jobs/drill.sh as a site runs it, with the faults that no other test makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;

const std::string kDrill = "ANNULUS_PROGRAM=$ANNULUS \"" + source_dir() + "/jobs/drill.sh\" ";

TEST(Drill, FaultsAreNamedAndSurvived) {
  const Workplace place;

  const Outcome outcome = place.shell(kDrill + "nan full-disk");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("all 2 drills passed"));
}

TEST(Drill, AnUnknownFaultIsRefused) {
  const Workplace place;

  const Outcome outcome = place.shell(kDrill + "earthquake");

  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("'earthquake' is not a kind of fault"));
}

}  // namespace
}  // namespace annulus::test
