// Threads that are stuck on files, and on other things.
#include "base/blocked_calls.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <thread>

namespace annulus {
namespace {

using testing::Contains;
using testing::IsEmpty;

/// A pipe with a name: it blocks whoever opens it until somebody opens the other end, and a reader until
/// something is written.
class BlockedCalls : public testing::Test {
 protected:
  BlockedCalls() {
    std::filesystem::remove(path_);
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
  }
  ~BlockedCalls() override { std::filesystem::remove(path_); }

  /// Looks until a call is found; a thread needs a moment to get there.
  static std::vector<std::string> wait_for_calls() {
    std::vector<std::string> found;
    for (int i = 0; i < 1000 && found.empty(); ++i) found = blocked_file_calls(0.01);
    return found;
  }

  const std::string path_ = testing::TempDir() + "blocked_calls_" + std::to_string(getpid());
};

TEST_F(BlockedCalls, NamesAFileThatDoesNotOpen) {
  std::thread reader([this] { close(open(path_.c_str(), O_RDONLY)); });

  const auto found = wait_for_calls();

  close(open(path_.c_str(), O_WRONLY));
  reader.join();
  if (found.empty() && access("/proc/self/syscall", R_OK) != 0) GTEST_SKIP() << "/proc does not tell here";
  EXPECT_THAT(found, Contains("open of " + path_));
}

TEST_F(BlockedCalls, NamesAFileThatIsReadWithoutEnd) {
  const int file = open(path_.c_str(), O_RDWR);
  std::thread reader([file] {
    char byte = 0;
    EXPECT_EQ(read(file, &byte, 1), 1);
  });

  const auto found = wait_for_calls();

  EXPECT_EQ(write(file, "x", 1), 1);
  reader.join();
  close(file);
  if (found.empty() && access("/proc/self/syscall", R_OK) != 0) GTEST_SKIP() << "/proc does not tell here";
  EXPECT_THAT(found, Contains("read of " + path_));
}

TEST_F(BlockedCalls, NamesAFileThatAStartedProcessReads) {
  const int file = open(path_.c_str(), O_RDWR);
  const pid_t reader = fork();
  if (reader == 0) {
    char byte = 0;
    _exit(read(file, &byte, 1) == 1 ? 0 : 1);
  }

  const auto found = wait_for_calls();

  EXPECT_EQ(write(file, "x", 1), 1);
  EXPECT_EQ(waitpid(reader, nullptr, 0), reader);
  close(file);
  if (found.empty() &&
      access(("/proc/self/task/" + std::to_string(getpid()) + "/children").c_str(), R_OK) != 0)
    GTEST_SKIP() << "/proc does not tell here";
  EXPECT_THAT(found, Contains("read of " + path_));
}

TEST_F(BlockedCalls, PipesAreNoFiles) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  std::promise<void> about_to_read;
  std::thread reader([&] {
    char byte = 0;
    about_to_read.set_value();
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  });
  about_to_read.get_future().wait();

  for (int i = 0; i < 20; ++i) EXPECT_THAT(blocked_file_calls(0.005), IsEmpty());

  EXPECT_EQ(write(ends[1], "x", 1), 1);
  reader.join();
  for (const int end : ends) close(end);
}

}  // namespace
}  // namespace annulus
