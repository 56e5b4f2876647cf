// A lock that says whether somebody has a file open still.
#include "trainer/watch/life_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/trainer/temporary_directory.hpp"

namespace annulus::trainer {
namespace {

TEST(LifeLock, LastsUntilItsFileIsClosed) {
  const TemporaryDirectory folder;
  const std::string path = folder / "rank-0.json";
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
  const TemporaryDirectory folder;

  EXPECT_FALSE(is_locked(folder / "missing"));
  EXPECT_FALSE(lock_while_open(-1));
}

}  // namespace
}  // namespace annulus::trainer
