// Errors carry their sentence and the exit code that job scripts act on.
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace annulus {
namespace {

template <class Kind>
ExitCode code_of() {
  try {
    throw Kind("row {} of {}", 7, "a.h5");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "row 7 of a.h5");
    return error.code();
  }
}

TEST(Error, KindsHaveTheirExitCodes) {
  EXPECT_EQ(code_of<UsageError>(), ExitCode::usage);
  EXPECT_EQ(code_of<DataError>(), ExitCode::data);
  EXPECT_EQ(code_of<RuntimeError>(), ExitCode::failure);
  EXPECT_EQ(code_of<PeerError>(), ExitCode::peer);
}

TEST(Error, ExitCodesAreTheDocumentedNumbers) {
  EXPECT_EQ(static_cast<int>(ExitCode::done), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::failure), 1);
  EXPECT_EQ(static_cast<int>(ExitCode::usage), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::data), 65);
  EXPECT_EQ(static_cast<int>(ExitCode::watchdog), 70);
  EXPECT_EQ(static_cast<int>(ExitCode::peer), 71);
  EXPECT_EQ(static_cast<int>(ExitCode::stopped), 75);
}

TEST(ExpectContract, NamesTheBrokenRule) {
  EXPECT_NO_THROW(expect_contract(true, "never shown"));
  try {
    expect_contract(false, "a rule");
    FAIL() << "a broken contract must throw";
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "contract broken: a rule");
  }
}

}  // namespace
}  // namespace annulus
