// A call that does not come back is given up, in words; one that does is left alone.
#include "comm/ranks/call_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.hpp"

namespace annulus::comm {
namespace {

GuardedCall call(double limit) {
  return {.name = "MPI_Init",
          .meaning = "so the work cannot begin",
          .rank = 0,
          .host = "n7",
          .limit_seconds = limit};
}

TEST(CallGuard, EndsAProcessThatHangsInItsCall) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    const CallGuard guard(call(0.3));
    std::this_thread::sleep_for(std::chrono::seconds(60));
  };

  EXPECT_EXIT(hang(), testing::ExitedWithCode(70),
              "rank 0 on host n7 .*hangs in MPI_Init.*btl_tcp_if_include");
}

TEST(CallGuard, LeavesAQuickCallAloneAndOneWithoutALimit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto quick = [] {
    { const CallGuard guard(call(0.3)); }
    { const CallGuard guard(call(60)); }  // does not wait for its limit
    const CallGuard unlimited(call(0));
    std::this_thread::sleep_for(std::chrono::milliseconds(900));
    std::_Exit(3);
  };

  EXPECT_EXIT(quick(), testing::ExitedWithCode(3), "^$");
}

double limit_of(const char* text) {
  return mpi_call_limit([text](const char*) { return text; });
}

TEST(CallGuard, TakesItsLimitFromTheEnvironment) {
  EXPECT_EQ(limit_of(nullptr), 300);
  EXPECT_EQ(limit_of(""), 300);
  EXPECT_EQ(limit_of("0"), 0);
  EXPECT_EQ(limit_of("2.5"), 2.5);
  for (const char* bad : {"soon", "5s", "-1", "inf", "nan"}) EXPECT_THROW(limit_of(bad), UsageError) << bad;
}

}  // namespace
}  // namespace annulus::comm
