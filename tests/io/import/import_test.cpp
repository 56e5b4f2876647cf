// Importing CIFAR archives and IDX files: exact pixels and labels, and a sentence for every way to be wrong.
#include "io/import/import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "io/hdf5/file.hpp"
#include "io/import/source_kind.hpp"
#include "io/survey/summary.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kPlane = 32 * 32;

/// Byte p of plane c of record n, different for all small n and c.
char plane_value(int n, std::size_t c, std::size_t p) {
  return static_cast<char>((static_cast<std::size_t>(n) * 50 + c * 17 + p) % 256);
}

/// Records n, n + 1, ... of a CIFAR file; each starts with `labels` bytes, the last being the class.
std::string records(int first, const std::vector<int>& classes, std::size_t label_bytes) {
  std::string text;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (label_bytes == 2) text += static_cast<char>(1 - classes[i]);
    text += static_cast<char>(classes[i]);
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < kPlane; ++p) text += plane_value(first + static_cast<int>(i), c, p);
  }
  return text;
}

NamedFiles cifar10_files() {
  NamedFiles files{{"cifar-10-batches-bin/readme.html", "<html>"},
                   {"cifar-10-batches-bin/batches.meta.txt", "cat\ndog\n\n"},
                   {"cifar-10-batches-bin/test_batch.bin", records(20, {1}, 1)}};
  for (int batch = 5; batch >= 1; --batch)  // not in order
    files.emplace_back("cifar-10-batches-bin/data_batch_" + std::to_string(batch) + ".bin",
                       records(2 * batch, {0, 1}, 1));
  return files;
}

std::string cifar10_archive(const NamedFiles& files) {
  const std::string path = fresh_path("cifar-10-binary.tar.gz");
  write_archive(path, files);
  return path;
}

void expect_image(const Hdf5File& file, const std::string& split, std::uint64_t row, int record) {
  std::vector<std::uint8_t> image(3 * kPlane);
  file.dataset(split + "/images").read_rows(row, 1, std::span<std::uint8_t>(image));
  for (std::size_t p = 0; p < kPlane; ++p)
    for (std::size_t c = 0; c < 3; ++c)
      ASSERT_EQ(static_cast<char>(image[3 * p + c]), plane_value(record, c, p))
          << split << " " << row << " " << p;
}

TEST(ImportCifar, TenFromAnArchive) {
  const std::string output = fresh_path("cifar10.h5");
  std::vector<std::string> seen;

  import_cifar10({.source = cifar10_archive(cifar10_files()), .output = output},
                 [&](const ImportProgress& progress) { seen.push_back(progress.what); });

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{10, 32, 32, 3}));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("cat", "dog"));
  EXPECT_EQ(file.read<std::int32_t>("train/labels"),
            (std::vector<std::int32_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
  expect_image(file, "train", 0, 2);  // batch 1 comes first, whatever the order of the archive
  expect_image(file, "train", 9, 11);
  expect_image(file, "test", 0, 20);
  EXPECT_THAT(file.string_attribute("/", "provenance_data_batch_1.bin"), HasSubstr("6146 bytes, xxh64 "));
  EXPECT_THAT(seen,
              AllOf(testing::Contains("reading cifar-10-binary.tar.gz"), testing::Contains("writing test")));
}

TEST(ImportCifar, RefusesAnArchiveThatNamesTwoClassesAlike) {
  NamedFiles files = cifar10_files();
  files[1].second = "cat\ncat\n\n";

  EXPECT_THAT(error_of([&] {
                import_cifar10({.source = cifar10_archive(files), .output = fresh_path("cifar10.h5")});
              }),
              HasSubstr("the class \"cat\" stands there twice (0 and 1, counted from 0)"));
}

TEST(ImportCifar, HundredFromAFolderFineAndCoarse) {
  const std::string folder = fresh_path("cifar-100-binary");
  write_text(folder + "/fine_label_names.txt", "apple\nbear\n");
  write_text(folder + "/coarse_label_names.txt", "fruit\nbeast\n");
  write_text(folder + "/train.bin", records(0, {0, 1, 1}, 2));
  write_text(folder + "/test.bin", records(3, {1}, 2));
  const std::string fine = fresh_path("fine.h5");
  const std::string coarse = fresh_path("coarse.h5");

  import_cifar100({.source = folder, .output = fine});
  import_cifar100({.source = folder, .output = coarse}, Cifar100Labels::coarse);

  EXPECT_EQ(Hdf5File::open(fine).read<std::int32_t>("train/labels"), (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(Hdf5File::open(coarse).read<std::int32_t>("train/labels"), (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_THAT(Hdf5File::open(coarse).strings_attribute("/", "classes"), ElementsAre("fruit", "beast"));
  expect_image(Hdf5File::open(fine), "train", 2, 2);
}

TEST(ImportCifar, ValidationImagesAreTakenOnceAndTheSameEachTime) {
  const std::string source = cifar10_archive(cifar10_files());
  const auto import_with = [&](std::uint64_t seed) {
    const std::string path = fresh_path("split.h5");
    import_cifar10({.source = source, .output = path, .validation_fraction = 0.3, .seed = seed});
    return path;
  };

  const std::string output = import_with(1);
  const std::string again = import_with(1);
  const std::string other = import_with(2);

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("validation/labels"), (Extents{3}));
  EXPECT_EQ(file.extents("train/images"), (Extents{7, 32, 32, 3}));
  std::multiset<int> firsts;  // the first byte tells the record
  for (const char* split : {"train", "validation"}) {
    const auto images = file.read<std::uint8_t>(std::string(split) + "/images");
    for (std::size_t i = 0; i < images.size(); i += 3 * kPlane) firsts.insert(images[i]);
  }
  std::multiset<int> expected;
  for (int n = 2; n < 12; ++n) expected.insert(n * 50 % 256);
  EXPECT_EQ(firsts, expected);
  EXPECT_EQ(file_text(again), file_text(output)) << "byte for byte";
  EXPECT_NE(Hdf5File::open(other).read<std::uint8_t>("validation/images"),
            file.read<std::uint8_t>("validation/images"))
      << "another seed chooses others";
}

TEST(ImportCifar, NamesWhatIsWrong) {
  const std::string output = fresh_path("out.h5");
  const auto error = [&](const NamedFiles& files) {
    return error_of([&] { import_cifar10({.source = cifar10_archive(files), .output = output}); });
  };
  NamedFiles cut = cifar10_files();
  cut[2].second.pop_back();
  NamedFiles label = cifar10_files();
  label[3].second[3 * kPlane + 1] = 2;
  NamedFiles missing = cifar10_files();
  missing.erase(missing.begin() + 5);
  NamedFiles twice = cifar10_files();
  twice.emplace_back("copy/test_batch.bin", records(0, {0}, 1));

  EXPECT_THAT(error(cut),
              AllOf(HasSubstr("test_batch.bin: has 3072 bytes"), HasSubstr("records of 3073 bytes")));
  EXPECT_THAT(error(label),
              AllOf(HasSubstr("data_batch_5.bin: record 1 has the label 2"), HasSubstr("names 2 classes")));
  EXPECT_THAT(error(missing),
              AllOf(HasSubstr("lacks data_batch_3.bin"), HasSubstr("cifar-10-binary.tar.gz")));
  EXPECT_THAT(error(twice), HasSubstr("test_batch.bin twice"));
  EXPECT_THAT(error({{"train/cat/1.jpg", "x"}}), HasSubstr("annulus data import images"));
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(output).parent_path()))
      << "nothing half-written";
}

TEST(Import, KnowsWhatASourceLooksLike) {
  const std::string folder = fresh_path("source");
  write_text(folder + "/arrays", "\x93NUMPY...");
  write_text(folder + "/labels", std::string("\0\0\x08\1\0\0\0\0", 8));
  write_text(folder + "/table.parquet", "PAR1....");
  write_text(folder + "/events", "root....");
  write_text(folder + "/notes.txt", "text");
  write_text(folder + "/below/a/1.jpg", "picture");
  write_text(folder + "/python/data_batch_1", "pickle");
  write_text(folder + "/python/1.png", "picture");

  EXPECT_THAT(what_fits(folder + "/arrays", "idx"), HasSubstr("annulus data import numpy"));
  EXPECT_THAT(what_fits(folder + "/labels", "numpy"), HasSubstr("annulus data import idx"));
  EXPECT_THAT(what_fits(folder + "/table.parquet", "table"), HasSubstr("Parquet"));
  EXPECT_THAT(what_fits(folder + "/events", "numpy"), HasSubstr("ROOT"));
  EXPECT_THAT(what_fits(folder + "/below", "idx"), HasSubstr("annulus data import images"));
  EXPECT_THAT(what_fits(folder + "/python", "images"), HasSubstr("annulus data import cifar10"));
  EXPECT_EQ(what_fits(folder + "/arrays", "numpy"), "");
  EXPECT_EQ(what_fits(folder + "/notes.txt", "idx"), "");
  EXPECT_EQ(what_fits(folder + "/nowhere", "idx"), "");
}

TEST(Import, RefusesImpossibleOptionsBeforeReading) {
  const std::string output = fresh_path("taken.h5");
  write_text(output, "precious");
  const auto error = [](ImportOptions options) {
    options.source = "/nowhere";
    return error_of([&] { import_cifar10(options); });
  };
  const std::string free = fresh_path("free.h5");

  EXPECT_THAT(error({.output = output}), HasSubstr("taken.h5: exists already"));
  EXPECT_THAT(error({.output = free, .validation_fraction = 1.0}), HasSubstr("validation fraction is 1"));
  EXPECT_THAT(error({.output = free, .deflate = 10}), HasSubstr("gzip level is 10"));
  EXPECT_THAT(error_of([&] { import_images({.output = free}, {.resize_height = 32}); }),
              HasSubstr("new size is 32 x 0"));
  EXPECT_THAT(error_of([&] { import_idx({.output = free}, {.pad = -1}); }), HasSubstr("padding is -1"));
  EXPECT_THAT(error({.output = free}), HasSubstr("/nowhere: there is no such file"));
  EXPECT_EQ(file_text(output), "precious");
}

std::string idx(const std::vector<unsigned>& extents, const std::string& values, char type = 0x08) {
  std::string text{0, 0, type, static_cast<char>(extents.size())};
  for (const unsigned extent : extents)
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(extent >> shift & 0xff);
  return text + values;
}

/// A folder with two training images of 2 x 3 and one test image.
std::string idx_folder() {
  const std::string folder = fresh_path("mnist");
  std::filesystem::create_directories(folder);
  write_gzip(folder + "/train-images-idx3-ubyte.gz", idx({2, 2, 3}, "abcdefghijkl"));
  write_text(folder + "/train-labels-idx1-ubyte", idx({2}, std::string{0, 4}));
  write_text(folder + "/t10k-images-idx3-ubyte", idx({1, 2, 3}, "uvwxyz"));
  write_gzip(folder + "/t10k-labels-idx1-ubyte.gz", idx({1}, std::string{2}));
  return folder;
}

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

TEST(ImportIdx, ReadsPlainAndGzipFiles) {
  const std::string output = fresh_path("mnist.h5");

  import_idx({.source = idx_folder(), .output = output});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 2, 3, 1}));
  EXPECT_EQ(text_of(file.read<std::uint8_t>("train/images")), "abcdefghijkl");
  EXPECT_EQ(text_of(file.read<std::uint8_t>("test/images")), "uvwxyz");
  EXPECT_EQ(file.read<std::int32_t>("train/labels"), (std::vector<std::int32_t>{0, 4}));
  EXPECT_EQ(file.read<std::int32_t>("test/labels"), (std::vector<std::int32_t>{2}));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("0", "1", "2", "3", "4"));
}

TEST(ImportIdx, PadsAndTakesNames) {
  const std::string output = fresh_path("padded.h5");
  const std::string folder = idx_folder();

  import_idx({.output = output}, {.files = {.train_images = folder + "/train-images-idx3-ubyte.gz",
                                            .train_labels = folder + "/train-labels-idx1-ubyte"},
                                  .classes = {"a", "b", "c", "d", "e"},
                                  .pad = 1});

  const Hdf5File file = Hdf5File::open(output);
  const std::string zero(1, '\0');
  const std::string edge(5, '\0');
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 4, 5, 1}));
  EXPECT_EQ(text_of(file.read<std::uint8_t>("train/images")).substr(0, 20),
            edge + zero + "abc" + zero + zero + "def" + zero + edge);
  EXPECT_FALSE(file.exists("test"));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("a", "b", "c", "d", "e"));
}

TEST(ImportIdx, RefusesANameForTwoClasses) {
  const std::string output = fresh_path("mnist.h5");

  EXPECT_THAT(error_of([&] {
                import_idx({.source = idx_folder(), .output = output},
                           {.classes = {"zero", "one", "two", "one", "four"}});
              }),
              HasSubstr("Class names: \"one\" stands there twice (1 and 3, counted from 0)"));
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST(ImportIdx, NamesWhatIsWrong) {
  const std::string output = fresh_path("out.h5");
  const auto error = [&](const std::string& name, const std::string& contents,
                         const IdxOptions& options = {}) {
    const std::string folder = idx_folder();
    write_text(folder + "/" + name, contents);
    return error_of([&] { import_idx({.source = folder, .output = output}, options); });
  };
  const std::string images = "train-images-idx3-ubyte";  // beside the gzip one, which it replaces
  const std::string labels = "train-labels-idx1-ubyte";

  EXPECT_THAT(error(images, "PNG or so"), AllOf(HasSubstr(images + ": does not begin like an IDX file")));
  EXPECT_THAT(error(images, idx({2, 2, 3}, "abcdefghijk")),
              AllOf(HasSubstr("(2, 2, 3)"), HasSubstr("but 11 bytes")));
  EXPECT_THAT(error(images, idx({2, 2, 3}, "abcdefghijklm")), HasSubstr("but 13 bytes"));
  EXPECT_THAT(error(images, idx({2, 2, 3}, "abcdefghijkl", 0x0d)), HasSubstr("type 0x0d"));
  EXPECT_THAT(error(images, idx({1, 2, 3}, "abcdef")), HasSubstr("Do the files belong together?"));
  EXPECT_THAT(error(images, idx({2}, "ab")), HasSubstr("exchanged?"));
  EXPECT_THAT(error(images, idx({0xffffffffu, 0xffffffffu, 0xffffffffu}, "")),
              HasSubstr("but 0 bytes follow"));
  EXPECT_THAT(error(images, idx({2, 2, 3}, "").substr(0, 9)), HasSubstr("claims rank 3"));
  EXPECT_THAT(error(labels, idx({3}, "abc")), HasSubstr("holds 3 labels"));
  EXPECT_THAT(error("readme", "", {.classes = {"only", "two"}}),
              HasSubstr("has the label 4, but only 2 class names"));
  EXPECT_THAT(error("train-images-other-ubyte", ""), HasSubstr("several files could be the train images"));
  EXPECT_THAT(error_of([&] { import_idx({.source = testing::TempDir() + "/nowhere", .output = output}); }),
              HasSubstr("is not a folder"));
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST(ImportIdx, RealMnistComesOutWhole) {
  const char* const data = std::getenv("ANNULUS_TEST_DATA");
  const std::string folder = std::string(data != nullptr ? data : "") + "/mnist";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "set ANNULUS_TEST_DATA to a folder with mnist/ to import the real files";
  const std::string output = fresh_path("mnist.h5");

  import_idx({.source = folder, .output = output}, {.pad = 2});

  const DatasetSummary summary = describe_dataset(output);
  ASSERT_EQ(summary.splits.size(), 2u);
  EXPECT_EQ(summary.splits[0].shape, (SampleShape{32, 32, 1}));
  // Counts as published with the data set.
  EXPECT_THAT(summary.splits[0].label_counts,
              ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  EXPECT_THAT(summary.splits[1].label_counts,
              ElementsAre(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009));
}

}  // namespace
}  // namespace annulus::io
