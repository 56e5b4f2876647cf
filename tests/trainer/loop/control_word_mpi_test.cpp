// What the ranks agree on after a step: a wish of one is everybody's, and so is an error.
#include "trainer/loop/control_word.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mpi_environment.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

comm::ProcessGroup& group() { return annulus::test::session().group(); }
int last_rank() { return group().size() - 1; }
bool is_last() { return group().rank() == last_rank(); }

/// The message with which agree() ends on this rank, and its exit code.
std::pair<std::string, ExitCode> failure_of(const ControlWord& word, const Error* failure = nullptr) {
  try {
    agree(group(), word, failure);
  } catch (const Error& error) {
    return {error.what(), error.code()};
  }
  return {"", ExitCode::done};
}

TEST(Agree, JoinsTheWishesOfAllRanks) {
  const auto bit = std::uint32_t{1} << group().rank();

  const ControlWord agreed =
      agree(group(), {.step = 7, .hash = 11, .stop = is_last() ? 15U : 0U, .anomaly = bit});

  EXPECT_EQ(agreed.stop, 15U);
  EXPECT_EQ(agreed.stopped, static_cast<std::uint64_t>(last_rank()));
  EXPECT_EQ(agreed.anomaly, (1U << group().size()) - 1);
  EXPECT_EQ(agree(group(), {.step = 8}).stop, 0U);
}

TEST(Agree, TheFirstRankThatWasAskedToStopIsNamed) {
  const ControlWord agreed = agree(group(), {.step = 7, .stop = 10U + static_cast<unsigned>(group().rank())});

  EXPECT_EQ(agreed.stop, 10U);
  EXPECT_EQ(agreed.stopped, 0U);
}

TEST(Agree, AnErrorOfOneRankEndsAllWithItsMessageAndCode) {
  const Error mine(ExitCode::data, "the disk is gone");

  const auto [message, code] = failure_of({.step = 7}, is_last() ? &mine : nullptr);

  EXPECT_THAT(message, HasSubstr("the disk is gone"));
  EXPECT_EQ(message.starts_with("rank "), last_rank() != 0);  // alike everywhere
  EXPECT_EQ(code, ExitCode::data);
}

TEST(Agree, TheFirstOfSeveralErrorsIsTheOne) {
  const Error mine(ExitCode::failure, "error of rank " + std::to_string(group().rank()));

  EXPECT_EQ(failure_of({.step = 7}, &mine).first, "error of rank 0");
}

TEST(Agree, NamesTheRankThatIsNotInStep) {
  if (group().size() == 1) GTEST_SKIP() << "needs two ranks";

  const auto [message, code] = failure_of({.step = is_last() ? 8U : 7U});

  EXPECT_THAT(message, HasSubstr("is at step 8 but rank 0 at step 7"));
}

TEST(Agree, NamesTheRankWhoseStateIsAnother) {
  if (group().size() < 3) GTEST_SKIP() << "needs three ranks: two that agree";

  const auto [message, code] = failure_of({.step = 7, .hash = group().rank() == 0 ? 0xbadU : 0xaU});

  EXPECT_THAT(message, AllOf(HasSubstr("after step 7 the state of rank 0 (0000000000000bad) differs"),
                             HasSubstr("000000000000000a")));
}

}  // namespace
}  // namespace annulus::trainer
