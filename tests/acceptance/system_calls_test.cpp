// A training, fresh or resumed, struck at any one of the system calls that change its files. Killed before
// it, the run goes on and ends with the bits of one that was never killed; refused it, by a full disk or a
// failing one, it says so and loses nothing. strace counts the calls and strikes at the one asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/acceptance/interrupted_run.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> kPlan{"epochs=3", "checkpoint.every_steps=3", "checkpoint.keep_last=2"};

enum class Training { fresh, resumed };

struct Item {
  const char* call;
  Training training;
};

class SystemCalls : public InterruptedRun<Item> {
 protected:
  static void SetUpTestSuite() {
    ASSERT_NO_FATAL_FAILURE(train_whole(110, kPlan));
    std::vector<std::string> words =
        place->training("begun", kPlan);  // and its newest checkpoint is of no use
    words.insert(words.end(), {"--inject", "rank=0,step=10,kind=corrupt-checkpoint"});
    ASSERT_EQ(place->run(words).code, 137);
  }
  void SetUp() override {
    if (place->shell("strace -f -qq true").code != 0)
      GTEST_SKIP() << "strace is missing, or not allowed here";
  }

  /// Trains and is struck at one call of each thread. @param what  in strace's words
  static Outcome train_struck(const std::string& what, int at) {
    const auto [call_name, training] = GetParam();
    const std::string call = call_name;
    std::filesystem::remove_all(place->path("struck"));
    if (training == Training::resumed)
      std::filesystem::copy(
          place->path("begun"), place->path("struck"),
          std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    std::string line = "exec strace -f -qq -o strace.log -e trace=" + call + " -e inject=" + call + ":" +
                       what + ":when=" + std::to_string(at) + " \"$ANNULUS\"";
    for (const std::string& word : place->training("struck", kPlan)) line += " '" + word + "'";
    return place->shell(line);
  }

  /// Whether a call of the last training was made to fail: it had as many.
  static bool has_failed() {
    std::ifstream file(place->path("strace.log"));
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.find("INJECTED") != std::string::npos;
  }

  static void goes_on_to_the_same_bits() {
    ASSERT_THAT(place->left_behind(), IsEmpty());
    const Outcome resumed = place->run(place->training("struck", kPlan));
    ASSERT_EQ(resumed.code, 0) << resumed.output;
    ASSERT_EQ(place->state_hash("struck"), place->state_hash("whole"));
    ASSERT_THAT(place->unfinished(), IsEmpty());
  }
};

std::string name_of(const testing::TestParamInfo<Item>& info) {
  return std::string(info.param.call) + (info.param.training == Training::fresh ? "Fresh" : "Resumed");
}

std::vector<Item> each(const std::vector<const char*>& calls) {
  std::vector<Item> items;
  for (const char* call : calls)
    for (const Training training : {Training::fresh, Training::resumed}) items.push_back({call, training});
  return items;
}

class KillBefore : public SystemCalls {};

TEST_P(KillBefore, LosesNothing) {
  int at = 1;
  for (; train_struck("signal=SIGKILL", at).code != 0; ++at) {
    SCOPED_TRACE("killed before call " + std::to_string(at));
    ASSERT_NO_FATAL_FAILURE(goes_on_to_the_same_bits());
  }
  EXPECT_GT(at, 1);
  std::cout << "went on after " << at - 1 << " kills\n";
}

INSTANTIATE_TEST_SUITE_P(SystemCalls, KillBefore,
                         testing::ValuesIn(each({"mkdir", "openat", "write", "pwrite64", "ftruncate", "fsync",
                                                 "close", "rename", "symlink", "unlink"})),
                         name_of);

class FailureOf : public SystemCalls {};

TEST_P(FailureOf, IsNamedAndLosesNothing) {
  int strikes = 0, ends = 0;
  for (const char* error : {"error=ENOSPC", "error=EIO"}) {
    for (int at = 1;; ++at, ++strikes) {
      const Outcome struck = train_struck(error, at);
      if (!has_failed()) break;
      SCOPED_TRACE(std::string(error) + " at call " + std::to_string(at) + ":\n" + struck.output);
      ends += struck.code != 0;
      if (struck.code != 0)
        ASSERT_THAT(struck.output, HasSubstr("error: "));
      else
        ASSERT_EQ(place->state_hash("struck"), place->state_hash("whole"));
      ASSERT_NO_FATAL_FAILURE(goes_on_to_the_same_bits());
    }
  }
  EXPECT_GE(strikes, 2);
  std::cout << strikes << " failures, " << ends << " of them ended the training\n";
}

INSTANTIATE_TEST_SUITE_P(SystemCalls, FailureOf,
                         testing::ValuesIn(each({"mkdir", "write", "pwrite64", "ftruncate", "fsync", "rename",
                                                 "symlink", "unlink"})),
                         name_of);

}  // namespace
}  // namespace annulus::test
