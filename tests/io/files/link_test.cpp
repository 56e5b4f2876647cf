// Names that lead to files, also where the file system has no links.
#include "io/files/link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "io/files/durable_file.hpp"
#include "tests/support/refused_calls.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::vector<test::RefusedCall> kNoLinks{{SYS_symlink, EPERM}, {SYS_symlinkat, EPERM}};
const std::vector<test::RefusedCall> kNoSync{{SYS_fsync, EINVAL}, {SYS_fdatasync, EINVAL}};

class Link : public testing::Test {
 protected:
  Link() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(testing::TempDir()) /
             ("annulus_link_" + std::string(test->name()) + std::to_string(getpid()));
    fs::create_directories(folder);
    for (const char* name : {"one", "two"}) write(folder / name, name);
  }
  ~Link() override { fs::remove_all(folder); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  std::string followed() const { return read(follow_link(folder / "best").value_or("/dev/null")); }

  fs::path folder;
};

TEST_F(Link, IsReplacedInOneStep) {
  replace_link(folder / "best", "one");
  replace_link(folder / "best", "two");

  EXPECT_EQ(fs::read_symlink(folder / "best"), "two");
  EXPECT_EQ(link_target(folder / "best"), "two");
  EXPECT_EQ(followed(), "two");
}

TEST_F(Link, IsATextWhereThereAreNoLinks) {
  replace_link(folder / "best", "one");
  std::string said;

  EXPECT_TRUE(test::runs_without(
      kNoLinks,
      [&] {
        replace_link(folder / "best", "two");
        replace_link(folder / "latest", "one");
        return true;
      },
      &said));

  EXPECT_FALSE(fs::exists(fs::symlink_status(folder / "best"))) << "it would be out of date";
  EXPECT_EQ(read(folder / "best.txt"), "two\n");
  EXPECT_EQ(link_target(folder / "latest"), "one");
  EXPECT_EQ(followed(), "two");
  EXPECT_THAT(said, HasSubstr("has no symbolic links"));
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
}

TEST_F(Link, ReplacesATextOfAnotherFileSystem) {
  write(folder / "best.txt", "one\n");
  replace_link(folder / "best", "two");

  EXPECT_FALSE(fs::exists(folder / "best.txt"));
  EXPECT_EQ(followed(), "two");
}

TEST_F(Link, OfForeignTextOnlyPlainNamesAreFollowed) {
  write(folder.string() + ".secret", "secret");
  for (const std::string& bad : {"../" + folder.filename().string() + ".secret", std::string("/etc/passwd"),
                                 std::string(".."), std::string(""), std::string("a\nb")}) {
    write(folder / "best.txt", bad);
    EXPECT_FALSE(link_target(folder / "best")) << bad;
    EXPECT_FALSE(follow_link(folder / "best")) << bad;
  }
  fs::remove(folder.string() + ".secret");
}

TEST_F(Link, IsRemovedInEitherForm) {
  replace_link(folder / "best", "one");
  write(folder / "latest.txt", "two");

  EXPECT_FALSE(remove_link(folder / "best"));
  EXPECT_FALSE(remove_link(folder / "latest"));

  EXPECT_FALSE(link_target(folder / "best"));
  EXPECT_FALSE(link_target(folder / "latest"));
}

TEST_F(Link, AFolderIsTriedOutWithOneWarningForEachThingThatIsMissing) {
  std::string said;
  const auto work = [&] {
    try_out_folder(folder);
    replace_link(folder / "best", "one");
    write_text_file(folder / "a", "text");
    return true;
  };

  EXPECT_TRUE(test::runs_without({kNoLinks[0], kNoLinks[1], kNoSync[0], kNoSync[1]}, work, &said));

  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << said;
  EXPECT_THAT(said, testing::AllOf(HasSubstr("has no symbolic links"), HasSubstr("after a power cut")));
  EXPECT_EQ(read(folder / "a"), "text");
  EXPECT_FALSE(link_target(folder / ".tried"));
}

TEST_F(Link, ADiskThatFailsIsNoMissingCall) {
  EXPECT_FALSE(test::runs_without({{SYS_fsync, EIO}}, [&] {
    try {
      try_out_folder(folder);
      return true;
    } catch (const RuntimeError&) {
      return false;
    }
  }));
}

TEST_F(Link, NothingIsWrittenIntoAPipe) {
  ASSERT_EQ(mkfifo((folder / "a.partial").c_str(), 0600), 0);

  EXPECT_THROW(write_text_file(folder / "a", "text"), UsageError);
  EXPECT_THROW(check_space(folder / "a.partial", 10), UsageError);
}

}  // namespace
}  // namespace annulus::io
