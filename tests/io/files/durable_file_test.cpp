// Files that are whole or absent, and seals that notice damage.
#include "io/files/durable_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>

#include "base/error.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

class DurableFile : public testing::Test {
 protected:
  DurableFile() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    directory = fs::path(testing::TempDir()) /
                ("annulus_durable_" + std::string(test->name()) + "_" + std::to_string(::getpid()));
    fs::create_directories(directory);
  }
  ~DurableFile() override {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    fs::remove_all(directory, ignored);
  }
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  fs::path directory;
};

TEST_F(DurableFile, WritesTextAndLeavesNothingElse) {
  write_text_file(directory / "a", "one");

  write_text_file(directory / "a", "two");

  EXPECT_EQ(read(directory / "a"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), {}), 1);
}

TEST_F(DurableFile, NeverWritesThroughALink) {
  write(directory / "precious", "old");
  for (const auto& write_it : {std::function<void()>([&] { write_text_file(directory / "a", "new"); }),
                               std::function<void()>([&] { check_space(directory / "a.partial", 10); })}) {
    fs::remove(directory / "a.partial");
    fs::create_symlink("precious", directory / "a.partial");
    try {
      write_it();
      ADD_FAILURE() << "written";
    } catch (const RuntimeError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("It is a symbolic link"));
    }
  }
  EXPECT_EQ(read(directory / "precious"), "old");
}

TEST_F(DurableFile, NamesTheFileItCannotWrite) {
  try {
    write_text_file(directory / "gone" / "a", "one");
    FAIL() << "nothing was thrown";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("gone/a.partial"),
                                             testing::HasSubstr("No such file or directory")));
  }
}

TEST_F(DurableFile, AsksForSpaceWithoutTakingIt) {
  check_space(directory / "a", 1 << 20);

  EXPECT_EQ(fs::file_size(directory / "a"), 0u);
  EXPECT_THROW(check_space(directory / "a", std::uint64_t{1} << 62), RuntimeError);
}

TEST_F(DurableFile, AnIntactSealIsSilent) {
  for (const std::string contents : {"", "some contents", "\nannulus-seal xxh64 in the middle"}) {
    write(directory / "a", contents);

    seal_file(directory / "a");

    EXPECT_EQ(broken_seal(directory / "a"), std::nullopt);
    EXPECT_TRUE(read(directory / "a").starts_with(contents));
  }
}

TEST_F(DurableFile, TheSealIsTheChecksumThatToolsCompute) {
  write(directory / "a", "xxhash");

  seal_file(directory / "a");

  // printf xxhash | xxhsum -H64
  EXPECT_EQ(read(directory / "a"), "xxhash\nannulus-seal xxh64 32dd38952c4bc720\n");
}

TEST_F(DurableFile, ABrokenSealSaysWhatIsWrong) {
  write(directory / "a", std::string(100, 'x'));
  seal_file(directory / "a");
  const std::string whole = read(directory / "a");

  EXPECT_THAT(*broken_seal(directory / "missing"), testing::HasSubstr("No such file"));
  write(directory / "a", "short");
  EXPECT_THAT(*broken_seal(directory / "a"), testing::HasSubstr("only 5 bytes"));
  write(directory / "a", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(*broken_seal(directory / "a"), testing::HasSubstr("truncated"));
  write(directory / "a", "y" + whole.substr(1));
  EXPECT_THAT(*broken_seal(directory / "a"), testing::HasSubstr("is damaged"));
}

}  // namespace
}  // namespace annulus::io
