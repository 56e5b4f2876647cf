// A lock that says whether somebody has a file open still.
#include "io/files/life_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

TEST(LifeLock, LastsUntilItsFileIsClosed) {
  const std::string path = fresh_path("rank-0.json");
  const int file = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_FALSE(is_locked(path));

  ASSERT_TRUE(lock_while_open(file));
  EXPECT_TRUE(is_locked(path));
  EXPECT_TRUE(is_locked(path)) << "looking at it, which opens and closes the file, does not end it";

  close(file);
  EXPECT_FALSE(is_locked(path));
}

TEST(LifeLock, AFileThatIsNotThereIsNotLocked) {
  EXPECT_FALSE(is_locked(fresh_path("missing")));
  EXPECT_FALSE(lock_while_open(-1));
}

}  // namespace
}  // namespace annulus::io
