// A file that somebody writes to while it is read: each of the marks of that counts by itself.
#include "io/files/unchanged_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Sets the time of writing to what it was at first, and so much more.
void move_time(const std::string& path, const timespec& first, long seconds, long nanoseconds) {
  timespec times[2]{{0, UTIME_OMIT}, {first.tv_sec + seconds, first.tv_nsec}};
  times[1].tv_nsec += first.tv_nsec < 500'000'000 ? nanoseconds : -nanoseconds;
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class Unchanged : public testing::Test {
 protected:
  Unchanged() : path_(fresh_path("data.h5")) {
    write_text(path_, "eight by");
    struct stat status {};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    written_ = status.st_mtim;
    file_.emplace(path_);
  }
  std::string error() const {
    return error_of([&] { file_->check(); });
  }

  std::string path_;
  timespec written_{};
  std::optional<UnchangedFile> file_;
};

TEST_F(Unchanged, IsWhatNobodyWritesTo) {
  EXPECT_EQ(error(), "");
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
  EXPECT_EQ(error(), "") << "another mode changes no picture";
}

TEST_F(Unchanged, AnotherSizeIsNamed) {
  write_text(path_, "nine byte");
  move_time(path_, written_, 0, 0);

  EXPECT_THAT(error(), AllOf(HasSubstr("data.h5: was written to while it is being read"),
                             HasSubstr("it had 8 bytes and has 9")));
}

TEST_F(Unchanged, ASecondIsAnotherTime) {
  move_time(path_, written_, 1, 0);

  EXPECT_THAT(error(), HasSubstr("its time of writing is another"));
}

TEST_F(Unchanged, ANanosecondIsAnotherTime) {
  move_time(path_, written_, 0, 1);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  if (status.st_mtim.tv_nsec == written_.tv_nsec) GTEST_SKIP() << "this file system keeps no nanoseconds";

  EXPECT_THAT(error(), HasSubstr("its time of writing is another"));
}

TEST_F(Unchanged, AFileUnderItsNameHarmsNobodyWhoHasTheOldOneOpen) {
  const std::string other = fresh_path("other.h5");
  write_text(other, "longer than before");
  std::filesystem::rename(other, path_);

  EXPECT_EQ(error(), "");
}

TEST(UnchangedFile, ThatIsNotThereIsNamed) {
  const std::string path = fresh_path("nowhere.h5");

  EXPECT_THAT(error_of([&] { UnchangedFile{path}; }), HasSubstr("nowhere.h5: cannot be opened"));
}

}  // namespace
}  // namespace annulus::io
