// Archives that are cut, mislabelled or hostile: the import says what is wrong and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/end_to_end/program.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Matcher;

void write_file(const std::filesystem::path& path, const std::string& contents) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << contents;
}

void expect_refused_import(const Workplace& place, const std::vector<std::string>& what, int code,
                           const Matcher<const std::string&>& message) {
  std::vector<std::string> words{"data", "import"};
  words.insert(words.end(), what.begin(), what.end());
  words.insert(words.end(), {"--output", "out.h5"});

  const Outcome outcome = place.run(words);

  EXPECT_EQ(outcome.code, code) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("error: "), message));
  EXPECT_FALSE(std::filesystem::exists(place.path("out.h5")));
  EXPECT_THAT(place.unfinished(), IsEmpty());
  EXPECT_LT(outcome.seconds, 10.0);
}

std::string picture(std::int64_t size) { return io::jpeg(io::plain_image(size, size, {200, 100, 50})); }

TEST(BadArchive, Truncated) {
  const Workplace place(12);
  io::NamedFiles files;
  for (int i = 0; i < 6; ++i)
    files.emplace_back("cifar-10-batches-bin/" +
                           (i < 5 ? "data_batch_" + std::to_string(i + 1) : std::string("test_batch")) +
                           ".bin",
                       std::string(3073 * 20, static_cast<char>(i % 10)));
  io::write_archive(place.path("cifar.tar.gz").string(), files);
  std::filesystem::resize_file(place.path("cifar.tar.gz"),
                               std::filesystem::file_size(place.path("cifar.tar.gz")) / 2);

  expect_refused_import(place, {"cifar10", "cifar.tar.gz"}, 65,
                        AllOf(HasSubstr("cifar.tar.gz"), HasSubstr("fetch it again")));
}

TEST(BadArchive, NotOneAtAllOrMissing) {
  const Workplace place(12);
  write_file(place.path("letter.tar.gz"), "Dear archive,\n");

  expect_refused_import(place, {"cifar10", "letter.tar.gz"}, 65,
                        HasSubstr("is not an archive that can be read"));
  expect_refused_import(place, {"images", "gone.zip"}, 65, HasSubstr("gone.zip"));
}

TEST(BadArchive, IdxWithWrongMagic) {
  const Workplace place(12);
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                           "t10k-labels-idx1-ubyte"})
    write_file(place.path("mnist") / name, std::string("\x13\x37\x08\x03") + std::string(64, '\0'));

  expect_refused_import(place, {"idx", "mnist"}, 65, HasSubstr("ubyte"));
}

TEST(BadArchive, OneBrokenPicture) {
  const Workplace place(12);
  for (const std::string name : {"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"})
    write_file(place.path("pictures") / name, picture(8));
  write_file(place.path("pictures/dog/2.jpg"), picture(8).substr(0, 60));

  expect_refused_import(place, {"images", "pictures"}, 65, HasSubstr("dog/2.jpg"));
}

TEST(BadArchive, MixedSizesNameBothAndTheWayOut) {
  const Workplace place(12);
  write_file(place.path("pictures/cat/1.jpg"), picture(8));
  write_file(place.path("pictures/dog/1.jpg"), picture(9));

  expect_refused_import(place, {"images", "pictures"}, 65, AllOf(HasSubstr("/1.jpg"), HasSubstr("--resize")));
  EXPECT_EQ(
      place.run({"data", "import", "images", "pictures", "--resize", "8", "8", "--output", "out.h5"}).code,
      0);
}

TEST(BadArchive, EntriesThatLeaveTheArchiveWriteNothing) {
  const Workplace place(12);
  io::write_archive(place.path("hostile.tar").string(),
                    {{"../../cat/1.jpg", picture(8)}, {"/etc/dog/1.jpg", picture(8)}});

  const Outcome outcome =  // whatever the import makes of such names, only the output file may appear
      place.run({"data", "import", "images", "hostile.tar", "--output", "out.h5"});

  EXPECT_TRUE(outcome.code == 0 || outcome.code == 65) << outcome.output;
  EXPECT_FALSE(std::filesystem::exists("/etc/dog"));
  EXPECT_FALSE(std::filesystem::exists(place.path("../../cat")));
  EXPECT_THAT(place.unfinished(), IsEmpty());
}

TEST(BadArchive, ExistingOutputIsKept) {
  const Workplace place(12);
  write_file(place.path("pictures/cat/1.jpg"), picture(8));
  write_file(place.path("pictures/dog/1.jpg"), picture(8));
  write_file(place.path("mine.h5"), "precious");
  const std::vector<std::string> words{"data", "import", "images", "pictures", "--output", "mine.h5"};

  const Outcome outcome = place.run(words);

  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("mine.h5: exists already"), HasSubstr("--replace")));
  EXPECT_EQ(std::filesystem::file_size(place.path("mine.h5")), 8U);
  std::vector<std::string> replacing = words;
  replacing.push_back("--replace");
  EXPECT_EQ(place.run(replacing).code, 0);
}

}  // namespace
}  // namespace annulus::test
