// A file that is read over hours: which changes are seen.
#include "io/files/unchanged_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::HasSubstr;

void set_time_of_writing(const std::string& path, timespec time) {
  const timespec times[2] = {time, time};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class UnchangedFileTest : public testing::Test {
 protected:
  UnchangedFileTest() : path(fresh_path("data.h5")) {
    write_text(path, "pictures");
    set_time_of_writing(path, {.tv_sec = 1'000'000'000, .tv_nsec = 500'000'000});
  }
  std::string path;
};

TEST_F(UnchangedFileTest, ThatNobodyTouchesStaysAsItWas) {
  const UnchangedFile file(path);

  EXPECT_EQ(error_of([&] { file.check(); }), "");
}

TEST_F(UnchangedFileTest, SeesThatItWasRewrittenWithinASecond) {
  const UnchangedFile file(path);

  set_time_of_writing(path, {.tv_sec = 1'000'000'000, .tv_nsec = 500'000'001});

  EXPECT_THAT(error_of([&] { file.check(); }), HasSubstr("its time of writing is another"));
}

TEST_F(UnchangedFileTest, SeesThatItGrewThoughItsTimeWasSetBack) {
  const UnchangedFile file(path);

  write_text(path, "pictures and more");
  set_time_of_writing(path, {.tv_sec = 1'000'000'000, .tv_nsec = 500'000'000});

  EXPECT_THAT(error_of([&] { file.check(); }), HasSubstr("it had 8 bytes and has 17"));
}

TEST_F(UnchangedFileTest, IsTheOldOneWhereAnotherTookItsName) {
  const UnchangedFile file(path);

  write_text(path + ".new", "something else");
  std::filesystem::rename(path + ".new", path);

  EXPECT_EQ(error_of([&] { file.check(); }), "");
}

}  // namespace
}  // namespace annulus::io
