// Importing shards of WebDataset: samples in the order of the tar, several shards, labels in .cls or .json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/import/flat_pictures.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Two shards of two samples. @return the pattern of their names
std::string shards() {
  const std::string first = fresh_path("x-0009.tar");
  const std::string begin = first.substr(0, first.size() - 8);
  write_archive(
      first,
      {{"n02/b.png", flat_png(1)}, {"n02/b.cls", "2"}, {"n01/a.cls", "0\n"}, {"n01/a.png", flat_png(2)}});
  write_archive(begin + "0010.tar", {{"c.json", "{\"boxes\": [{\"label\": 0}], \"label\" : 1}"},
                                     {"c.png", flat_png(3)},
                                     {"c.txt", "a caption"},
                                     {"d.x.png", "no picture of ours"},
                                     {"d.PNG", flat_png(4)},
                                     {"d.cls", "2"}});
  return begin + "{0009..0010}.tar";
}

TEST(ImportWebDataset, KeepsTheOrderOfItsShards) {
  const std::string output = fresh_path("web.h5");
  const std::string pattern = shards();

  import_webdataset({.output = output, .threads = 2}, {.train = {pattern}, .test = {pattern}});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_THAT(values_of(file, "train"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(values_of(file, "test"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(2, 0, 1, 2));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("0", "1", "2"));
}

TEST(ImportWebDataset, NamesWhatIsWrong) {
  const auto error = [](const NamedFiles& files) {
    const std::string shard = fresh_path("x.tar");
    write_archive(shard, files);
    return error_of([&] { import_webdataset({.output = fresh_path("out.h5")}, {.train = {shard}}); });
  };
  const auto pattern = [](const std::string& name) {
    return error_of([&] { import_webdataset({.output = fresh_path("out.h5")}, {.train = {name}}); });
  };

  EXPECT_THAT(error({{"a.png", flat_png(1)}, {"b.cls", "1"}}),
              AllOf(HasSubstr("sample \"a\" has no label"), HasSubstr("a.cls")));
  EXPECT_THAT(error({{"a.cls", "1"}}), HasSubstr("sample \"a\" has no picture"));
  EXPECT_THAT(error({{"a.cls", "cat"}, {"a.png", flat_png(1)}}), HasSubstr("a.cls: holds \"cat\""));
  EXPECT_THAT(error({{"a.png", flat_png(1)}, {"a.json", "{\"label\": 1.5}"}}), HasSubstr("has no label"));
  EXPECT_THAT(error({{"a.png", flat_png(1)}, {"a.jpg", "x"}, {"a.cls", "1"}}),
              HasSubstr("is a second picture"));
  EXPECT_THAT(error({{"a.png", "damaged"}, {"a.cls", "1"}}),
              AllOf(HasSubstr("x.tar/a.png"), HasSubstr("--skip-unreadable")));
  EXPECT_THAT(pattern("x-{9..3}.tar"), HasSubstr("is not a range of numbers"));
  EXPECT_THAT(pattern("/nowhere/x-{0..1}.tar"), HasSubstr("/nowhere/x-0.tar: there is no such file"));
}

}  // namespace
}  // namespace annulus::io
