// Who sees which message: rank 0's terminal, every rank's warnings, every rank's file.
#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/quiet_log.hpp"

namespace annulus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string say_everything() {
  testing::internal::CaptureStderr();
  log_debug("a detail");
  log_info("step {}", 1);
  log_warning("careful");
  log_error("broken");
  return testing::internal::GetCapturedStderr();
}

class Log : public testing::Test {
 protected:
  void TearDown() override {
    set_terminal_hooks(nullptr, nullptr);
    configure_log(0, 1);
  }
};

TEST_F(Log, RankZeroSpeaksPlainly) {
  configure_log(0, 1);

  EXPECT_EQ(say_everything(), "step 1\nwarning: careful\nerror: broken\n");
}

TEST_F(Log, OtherRanksOnlyWarnAndSayWhoTheyAre) {
  configure_log(2, 4);

  EXPECT_EQ(say_everything(), "[rank 2] warning: careful\n[rank 2] error: broken\n");
}

TEST_F(Log, TheTerminalMayBeKeptFree) {
  set_terminal_log(TerminalLog::off);
  EXPECT_EQ(say_everything(), "");

  set_terminal_log(TerminalLog::on);
  EXPECT_THAT(say_everything(), HasSubstr("warning: careful"));
}

TEST_F(Log, FileHoldsEverythingAndIsAppended) {
  const std::string path = testing::TempDir() + "log_test_" + std::to_string(getpid()) + "/rank-2.log";
  configure_log(2, 4, path);
  say_everything();
  configure_log(2, 4, path);
  testing::internal::CaptureStderr();
  log_warning("after the restart");
  testing::internal::GetCapturedStderr();
  configure_log(2, 4);
  say_everything();  // no file any more

  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_THAT(text.str(),
              AllOf(HasSubstr("debug a detail"), HasSubstr("info step 1"), HasSubstr("warning careful"),
                    HasSubstr("error broken"), HasSubstr("after the restart")));
  const std::string words = text.str();
  EXPECT_EQ(words.find("a detail"), words.rfind("a detail"));
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

TEST_F(Log, NamesTheFileThatCannotBeWritten) {
  try {
    configure_log(0, 1, "/dev/null/rank-0.log");
    FAIL() << "a log below a device cannot be opened";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/dev/null/rank-0.log"), HasSubstr("--run")));
  }
}

TEST_F(Log, FileIsReadableWhileTheRunGoesOn) {
  const std::string path = testing::TempDir() + "log_test_now_" + std::to_string(getpid()) + "/rank-0.log";
  configure_log(1, 2, path);

  log_info("step 1");  // not on the terminal; capturing that would flush all files

  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("step 1")) << "lost if the process were killed now";
  std::filesystem::remove_all(std::filesystem::path(path).parent_path());
}

std::string hooks_called;

TEST_F(Log, HooksSurroundTerminalLinesOnly) {
  configure_log(0, 1);
  hooks_called.clear();
  set_terminal_hooks([] { hooks_called += "("; }, [] { hooks_called += ")"; });

  say_everything();

  EXPECT_EQ(hooks_called, "()()()") << "info, warning and error reach the terminal; debug does not";
}

TEST_F(Log, AFullDiskIsToldOnceInOurWords) {
  testing::internal::CaptureStderr();
  configure_log(0, 1, "/dev/full");
  for (int i = 0; i < 5; ++i) log_info("message {}", i);
  const std::string said = testing::internal::GetCapturedStderr();

  EXPECT_THAT(said, AllOf(HasSubstr("warning: the log file /dev/full cannot be written any more"),
                          HasSubstr("No space left"), HasSubstr("message 4"), Not(HasSubstr("LOG ERROR"))));
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
}

TEST_F(Log, APipeIsNoLogFile) {
  const std::string path = testing::TempDir() + "log_pipe_" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);

  EXPECT_THROW(configure_log(0, 1, path), UsageError);

  std::filesystem::remove(path);
}

}  // namespace
}  // namespace annulus
