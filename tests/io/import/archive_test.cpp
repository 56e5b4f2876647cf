// Folders and archives give the same files; damaged, cut and oversized ones are named.
#include "io/import/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

NamedFiles some_files() {
  std::string long_text;
  for (int i = 0; i < 20000; ++i) long_text += std::to_string(i * 7919 % 10007);
  return {
      {"b/second.txt", long_text}, {"a/first.txt", "hello"}, {"skip.md", "not wanted"}, {"c/empty.txt", ""}};
}

bool is_text(const std::string& name) { return name.ends_with(".txt"); }

NamedFiles read_all(const std::string& path, const FileLimits& limits = {}) {
  NamedFiles files;
  const auto source = open_files(path, limits);
  SourceFile file;
  while (source->next(is_text, file))
    files.emplace_back(
        file.name, std::string(reinterpret_cast<const char*>(file.contents.data()), file.contents.size()));
  EXPECT_FALSE(source->next(is_text, file)) << "the end stays the end";
  std::sort(files.begin(), files.end());
  return files;
}

class EveryArchive : public testing::TestWithParam<const char*> {};

TEST_P(EveryArchive, GivesBackItsFiles) {
  const std::string path = fresh_path(GetParam());
  write_archive(path, some_files());

  const NamedFiles files = read_all(path);

  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0], (std::pair<std::string, std::string>("a/first.txt", "hello")));
  EXPECT_EQ(files[1].second, some_files()[0].second);
  EXPECT_EQ(files[2].second, "");
}

TEST_P(EveryArchive, IsNamedWhenTruncated) {
  const std::string path = fresh_path(GetParam());
  write_archive(path, some_files());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 3);

  const std::string message = error_of([&] { read_all(path); });

  EXPECT_THAT(message, AllOf(HasSubstr(path), AnyOf(HasSubstr("damaged"), HasSubstr("is not an archive"))));
}

INSTANTIATE_TEST_SUITE_P(Archive, EveryArchive,
                         testing::Values("files.tar", "files.tar.gz", "files.tar.xz", "files.tar.bz2",
                                         "files.zip"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Archive, FoldersAreReadInOrder) {
  const std::string folder = fresh_path("folder");
  for (const auto& [name, contents] : some_files()) write_text(folder + "/" + name, contents);
  const auto source = open_files(folder);
  std::vector<std::string> names;
  SourceFile file;

  while (source->next(is_text, file)) names.push_back(file.name);

  EXPECT_THAT(names, testing::ElementsAre("a/first.txt", "b/second.txt", "c/empty.txt"));
  EXPECT_EQ(source->done(), source->total());
}

TEST(Archive, LinkedFoldersAreFollowedButNotInCircles) {
  const std::string folder = fresh_path("folder");
  const std::string elsewhere = fresh_path("elsewhere");
  write_text(folder + "/a.txt", "a");
  write_text(elsewhere + "/b.txt", "b");
  std::filesystem::create_directory_symlink(elsewhere, folder + "/linked");
  std::filesystem::create_directory_symlink(folder, folder + "/circle");

  const NamedFiles files = read_all(folder);

  EXPECT_THAT(files, testing::Contains(testing::Pair("linked/b.txt", "b")));
  EXPECT_LT(files.size(), 50u);
}

using Kind = ArchiveItem::Kind;

/// A pool of files, and links to them and to their folder, before and behind them.
std::vector<ArchiveItem> pool_with_links() {
  return {{"set/a/early.txt", Kind::symbolic_link, "../pool/1.txt"},
          {"set/pool", Kind::folder},
          {"set/pool/1.txt", Kind::file, "one"},
          {"set/pool/2.txt", Kind::file, "two"},
          {"set/b", Kind::symbolic_link, "pool"},
          {"set/a/chain.txt", Kind::symbolic_link, "./early.txt"},
          {"set/c", Kind::symbolic_link, "b/../b"},
          {"set/a/nowhere.txt", Kind::symbolic_link, "../pool/3.txt"},
          {"set/a/outside.txt", Kind::symbolic_link, "/etc/hostname"},
          {"set/a/above.txt", Kind::symbolic_link, "../../../../etc/hostname"},
          {"set/circle", Kind::symbolic_link, "../set"},
          {"set/self.txt", Kind::symbolic_link, "self.txt"}};
}

NamedFiles files_by_links() {
  return {{"set/a/chain.txt", "one"}, {"set/a/early.txt", "one"}, {"set/b/1.txt", "one"},
          {"set/b/2.txt", "two"},     {"set/c/1.txt", "one"},     {"set/c/2.txt", "two"},
          {"set/pool/1.txt", "one"},  {"set/pool/2.txt", "two"}};
}

class EveryLinkedArchive : public testing::TestWithParam<const char*> {};

TEST_P(EveryLinkedArchive, SymbolicLinksAreFollowedInsideAndNamedOtherwise) {
  const std::string path = fresh_path(GetParam());
  write_archive(path, pool_with_links());
  const auto source = open_files(path);
  SourceFile file;
  while (source->next(is_text, file)) {
  }

  EXPECT_EQ(read_all(path), files_by_links());
  EXPECT_THAT(source->dead_links(),
              testing::UnorderedElementsAre("set/a/nowhere.txt -> ../pool/3.txt",
                                            "set/a/outside.txt -> /etc/hostname",
                                            "set/a/above.txt -> ../../../../etc/hostname",
                                            "set/circle -> ../set", "set/self.txt -> self.txt"));
  EXPECT_THAT(source->folders(), testing::Contains("set/pool"));
  EXPECT_LE(source->done(), source->total());
}

INSTANTIATE_TEST_SUITE_P(Archive, EveryLinkedArchive,
                         testing::Values("links.tar", "links.tar.gz", "links.zip"), [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Archive, HardLinksOfTarAreFiles) {
  const std::string path = fresh_path("hard.tar");
  write_archive(path, {{"./a/1.txt", Kind::file, "one"},
                       {"./a/again.txt", Kind::hard_link, "./a/1.txt"},
                       {"./a/lost.txt", Kind::hard_link, "./gone.txt"}});
  const auto source = open_files(path);
  SourceFile file;
  while (source->next(is_text, file)) {
  }

  EXPECT_EQ(read_all(path), (NamedFiles{{"a/1.txt", "one"}, {"a/again.txt", "one"}}));
  EXPECT_THAT(source->dead_links(), testing::ElementsAre("a/lost.txt -> ./gone.txt"));
}

TEST(Archive, LinksOfAbsoluteNamesAreFollowed) {
  const std::string path = fresh_path("absolute.tar");  // as of tar -P
  write_archive(path, std::vector<ArchiveItem>{{"/set/a/1.txt", Kind::file, "one"},
                                               {"/set/b/again.txt", Kind::hard_link, "/set/a/1.txt"},
                                               {"/set/c", Kind::symbolic_link, "b"}});

  EXPECT_EQ(read_all(path),
            (NamedFiles{{"set/a/1.txt", "one"}, {"set/b/again.txt", "one"}, {"set/c/again.txt", "one"}}));
}

TEST(Archive, LinksThatMultiplyAreStopped) {
  std::vector<ArchiveItem> items{{"0/x.txt", Kind::file, "x"}};
  for (int from = 0; from < 40; ++from)
    for (int to = 0; to < 40; ++to)
      if (from != to)
        items.push_back({std::to_string(from) + "/" + std::to_string(to), Kind::symbolic_link,
                         "../" + std::to_string(to)});
  const std::string path = fresh_path("web.tar");
  write_archive(path, items);

  EXPECT_THAT(error_of([&] { read_all(path); }),
              AllOf(HasSubstr("web.tar"), HasSubstr("names through links")));
}

TEST(Archive, FoldersNameDeadLinksAndListEmptyFolders) {
  const std::string folder = fresh_path("folder");
  write_text(folder + "/a/b.txt", "b");
  std::filesystem::create_directories(folder + "/empty");
  std::filesystem::create_symlink("gone.txt", folder + "/a/dead.txt");
  std::filesystem::create_symlink("loop.txt", folder + "/a/loop.txt");
  std::filesystem::create_directory_symlink("../a", folder + "/a/circle");
  std::filesystem::create_directory_symlink("a", folder + "/c");

  const auto source = open_files(folder);

  EXPECT_EQ(read_all(folder), (NamedFiles{{"a/b.txt", "b"}, {"c/b.txt", "b"}}));
  EXPECT_THAT(source->folders(), testing::ElementsAre("a", "c", "empty"));
  EXPECT_THAT(source->dead_links(), testing::IsSupersetOf({"a/circle -> ../a", "a/dead.txt -> gone.txt",
                                                           "a/loop.txt -> loop.txt"}));
}

TEST(Archive, FoldersAreReadHoweverDeepTheyAre) {
  const std::string folder = fresh_path("folder");
  std::string deep;
  for (int i = 0; i < 12; ++i) deep += "d/";
  write_text(folder + "/" + deep + "a.txt", "a");

  EXPECT_EQ(read_all(folder), (NamedFiles{{deep + "a.txt", "a"}}));
}

TEST(Archive, TarCutBetweenEntriesIsNoticed) {
  const std::string path = fresh_path("cut.tar");
  write_archive(path, NamedFiles{{"a.txt", "a"}, {"b.txt", "b"}});
  std::filesystem::resize_file(path, 2 * 512);  // the first entry: header and contents

  EXPECT_THAT(error_of([&] { read_all(path); }), HasSubstr("without the end mark"));
}

TEST(Archive, LimitsHold) {
  const std::string tar = fresh_path("files.tar.gz");
  const std::string folder = fresh_path("folder");
  write_archive(tar, some_files());
  for (const auto& [name, contents] : some_files()) write_text(folder + "/" + name, contents);

  EXPECT_THAT(error_of([&] { read_all(tar, {.file_bytes = 1000}); }),
              AllOf(HasSubstr("b/second.txt: is larger than"), HasSubstr("right archive")));
  EXPECT_THAT(error_of([&] { read_all(folder, {.file_bytes = 1000}); }),
              HasSubstr("second.txt: is larger than"));
  EXPECT_THAT(error_of([&] { read_all(tar, {.files = 3}); }), HasSubstr("more than 3 entries"));
  EXPECT_THAT(error_of([&] { read_all(folder, {.files = 3}); }), HasSubstr("more than 3 files"));
}

TEST(Archive, SourcesThatAreNoneAreNamed) {
  const std::string text = fresh_path("text.tar.gz");
  write_text(text, "just some text, long enough not to be taken for anything else");
  const std::string empty = fresh_path("folder");
  std::filesystem::create_directories(empty);

  EXPECT_THAT(error_of([] { open_files("/nowhere/x.tar"); }),
              HasSubstr("/nowhere/x.tar: there is no such file"));
  EXPECT_THAT(error_of([&] { read_all(text); }), AllOf(HasSubstr("text.tar.gz"), HasSubstr("archive")));
  EXPECT_THAT(error_of([&] { open_files(empty); }), HasSubstr("holds no files"));
  EXPECT_THAT(error_of([] { open_files("/dev/null"); }), HasSubstr("neither a folder nor a file"));
}

TEST(Gzip, ReadsPlainAndCompressedAndChecksTheSum) {
  const std::string plain = fresh_path("plain");
  const std::string packed = fresh_path("packed.gz");
  const std::string contents = some_files()[0].second;
  write_text(plain, contents);
  write_gzip(packed, contents);
  const std::string damaged = fresh_path("damaged.gz");
  std::string bytes = file_text(packed);
  bytes[bytes.size() - 6] ^= 1;  // the checksum in the trailer
  write_text(damaged, bytes);
  const std::string cut = fresh_path("cut.gz");
  write_text(cut, file_text(packed).substr(0, 5000));
  const auto size = [](const std::string& path) { return read_gzip_or_plain(path, 1 << 20).size(); };

  EXPECT_EQ(size(plain), contents.size());
  EXPECT_EQ(size(packed), contents.size());
  EXPECT_EQ(content_hash(read_gzip_or_plain(plain, 1 << 20)),
            content_hash(read_gzip_or_plain(packed, 1 << 20)));
  EXPECT_THAT(error_of([&] { size(damaged); }),
              AllOf(HasSubstr("damaged.gz: cannot be uncompressed"), HasSubstr("check")));
  EXPECT_THAT(error_of([&] { size(cut); }), HasSubstr("cut.gz: cannot be uncompressed"));
  EXPECT_THAT(error_of([&] { read_gzip_or_plain(packed, 100); }), HasSubstr("is larger than"));
  EXPECT_THAT(error_of([&] { size("/nowhere/x.gz"); }), HasSubstr("no such file"));
}

}  // namespace
}  // namespace annulus::io
