// What may be opened for writing without waiting for somebody.
#include "base/file_kind.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"

namespace annulus {
namespace {

namespace fs = std::filesystem;

TEST(FileKind, APipeOrAFolderIsRefusedByName) {
  const fs::path folder = fs::path(testing::TempDir()) / ("annulus_kind_" + std::to_string(getpid()));
  fs::create_directories(folder / "sub");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  std::ofstream(folder / "file") << "text";

  for (const char* bad : {"pipe", "link", "sub"}) {
    try {
      require_writable_kind(folder / bad);
      ADD_FAILURE() << bad << " was taken";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr((folder / bad).string()),
                                               testing::HasSubstr(bad[0] == 's' ? "a folder" : "FIFO")));
    }
  }
  for (const fs::path& good : {folder / "file", folder / "missing", fs::path("/dev/null")})
    EXPECT_NO_THROW(require_writable_kind(good)) << good;
  fs::remove_all(folder);
}

}  // namespace
}  // namespace annulus
