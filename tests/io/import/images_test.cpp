// Importing class folders of images: the same dataset from every packaging, and a sentence for what does not
// fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "io/survey/summary.hpp"
#include "tests/io/import/flat_pictures.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"
#include "tests/io/pictures/png_file.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Grey value tells the image: cats 10, 11, 12, dogs 20; test cat 30, dog 31.
NamedFiles pets() {
  return {{"pets/train/cat/1.png", flat_png(10)}, {"pets/train/cat/2.png", flat_png(11)},
          {"pets/train/cat/3.png", flat_png(12)}, {"pets/train/dog/1.png", flat_png(20)},
          {"pets/test/dog/1.png", flat_png(31)},  {"pets/test/cat/1.png", flat_png(30)},
          {"pets/README.txt", "about pets"},      {"pets/train/cat/._1.png", "a leftover"}};
}

std::string packed(const std::string& name, const NamedFiles& files) {
  const std::string path = fresh_path(name);
  if (name.find('.') != std::string::npos)
    write_archive(path, files);
  else
    for (const auto& [file, contents] : files) write_text(path + "/" + file, contents);
  return path;
}

/// What an import says on the terminal.
std::string said_by_import(const ImportOptions& options, const ImageOptions& images = {}) {
  testing::internal::CaptureStderr();
  const std::string error = error_of([&] { import_images(options, images); });
  EXPECT_EQ(error, "");
  return testing::internal::GetCapturedStderr();
}

std::string import_error(const NamedFiles& files, ImportOptions options = {}) {
  options.source = packed("pets.tar", files);
  options.output = fresh_path("out.h5");
  const std::string message = error_of([&] { import_images(options); });
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(options.output).parent_path()))
      << "nothing is left";
  return message;
}

class EveryPackaging : public testing::TestWithParam<const char*> {};

TEST_P(EveryPackaging, GivesTheSameDataset) {
  NamedFiles files = pets();
  std::rotate(files.begin(), files.begin() + 3, files.end());  // order does not matter
  const std::string output = fresh_path("pets.h5");
  const std::string reference = fresh_path("reference.h5");

  import_images({.source = packed(GetParam(), files), .output = output, .threads = 2});
  import_images({.source = packed("pets.tar", pets()), .output = reference, .threads = 1});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("cat", "dog"));
  EXPECT_EQ(file.extents("train/images"), (Extents{4, 4, 4, 3}));
  // Dealt out evenly: cats at 1/6, 3/6, 5/6 of the split, the dog at 1/2, after the cat of the same place.
  EXPECT_THAT(values_of(file, "train"), ElementsAre(10, 11, 20, 12));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(values_of(file, "test"), ElementsAre(30, 31));
  EXPECT_EQ(file.string_attribute("/", "provenance_contents"),
            Hdf5File::open(reference).string_attribute("/", "provenance_contents"));
}

INSTANTIATE_TEST_SUITE_P(ImportImages, EveryPackaging,
                         testing::Values("folder", "pets.tar", "pets.tar.gz", "pets.tar.xz", "pets.zip"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(ImportImages, WithoutSplitFoldersAllIsTraining) {
  const std::string output = fresh_path("shapes.h5");

  import_images({.source = packed("folder", {{"round/a.jpg", jpeg(plain_image(8, 8, {200}))},
                                             {"square/b.jpg", jpeg(plain_image(8, 8, {100}))}}),
                 .output = output},
                {.decode = {.colour = Colour::grey}});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_THAT(file.members(), ElementsAre("train"));
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 8, 8, 1}));
  EXPECT_THAT(values_of(file, "train"), ElementsAre(200, 100));
}

TEST(ImportImages, MixedSizesNeedResize) {
  NamedFiles files = pets();
  files[3].second = png(plain_image(6, 5, {20, 20, 20}), PNG_FORMAT_RGB);
  const std::string output = fresh_path("resized.h5");

  import_images({.source = packed("pets.zip", files), .output = output},
                {.resize_height = 3, .resize_width = 5});

  EXPECT_THAT(import_error(files),
              AllOf(HasSubstr("pets/train/cat/1.png has 4 x 4 pixels"),
                    HasSubstr("pets/train/dog/1.png has 6 x 5"), HasSubstr("--resize 4x4")));
  EXPECT_EQ(Hdf5File::open(output).extents("train/images"), (Extents{4, 3, 5, 3}));
  EXPECT_THAT(values_of(Hdf5File::open(output), "train"), ElementsAre(10, 11, 20, 12));
}

TEST(ImportImages, NamesWhatIsWrong) {
  NamedFiles damaged = pets();
  damaged[1].second.resize(40);
  damaged[4].second = "no image";  // the first one in the archive is reported
  NamedFiles misspelt = pets();
  misspelt[5].first = "pets/test/cta/1.png";
  NamedFiles twice = pets();
  twice.push_back(twice[0]);
  NamedFiles deeper = pets();
  deeper[2].first = "pets/train/cat/more/3.png";
  NamedFiles bare = pets();
  bare.emplace_back("loose.png", flat_png(1));

  EXPECT_THAT(import_error(damaged), HasSubstr("pets.tar, pets/train/cat/2.png: cannot be decoded"));
  EXPECT_THAT(import_error(misspelt),
              AllOf(HasSubstr("class cta has no training images"), HasSubstr("cat, dog")));
  EXPECT_THAT(import_error(twice), HasSubstr("pets/train/cat/1.png twice"));
  EXPECT_THAT(import_error(deeper), HasSubstr("different depths"));
  EXPECT_THAT(import_error(bare), HasSubstr("loose.png lies in no class folder"));
  EXPECT_THAT(import_error({{"a/readme.txt", "x"}}), HasSubstr("holds no JPEG or PNG images"));
  EXPECT_THAT(import_error({{"images/1.png", flat_png(1)}}),
              HasSubstr("all images lie in one folder, images"));
}

TEST(ImportImages, LinksAreTheSamePicturesInEveryPackaging) {
  using Kind = ArchiveItem::Kind;
  const std::vector<ArchiveItem> items{{"pets/cat/1.png", Kind::file, flat_png(10)},
                                       {"pets/cat/2.png", Kind::symbolic_link, "1.png"},
                                       {"pets/dog/1.png", Kind::file, flat_png(20)},
                                       {"pets/eel", Kind::symbolic_link, "cat"},
                                       {"pets/dog/2.png", Kind::symbolic_link, "../lost.png"}};
  const std::string folder = fresh_path("pets");
  for (const ArchiveItem& item : items)
    if (item.kind == Kind::file)
      write_text(folder + item.name.substr(4), item.contents);
    else
      std::filesystem::create_symlink(item.contents, folder + item.name.substr(4));
  std::vector<std::string> contents;
  for (const std::string& source : {fresh_path("pets.tar"), fresh_path("pets.zip"), folder}) {
    const std::string output = fresh_path("out.h5");
    if (source != folder) write_archive(source, items);

    const std::string said = said_by_import({.source = source, .output = output});

    const Hdf5File file = Hdf5File::open(output);
    EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("cat", "dog", "eel"));
    EXPECT_THAT(values_of(file, "train"), testing::UnorderedElementsAre(10, 10, 20, 10, 10)) << source;
    EXPECT_THAT(said,
                AllOf(HasSubstr("Left out links that lead to nothing inside the source, or in a circle: 1,"),
                      HasSubstr("dog/2.png -> ../lost.png")))
        << source;
    contents.push_back(file.string_attribute("/", "provenance_contents"));
  }
  EXPECT_THAT(contents, testing::Each(contents.front()));
}

/// Cat and dog; the folder bee has files of other kinds, and fly has none.
std::vector<ArchiveItem> barren_folders(const std::string& file_of_bee) {
  using Kind = ArchiveItem::Kind;
  return {{"pets/cat/1.png", Kind::file, flat_png(10)},
          {"pets/dog/1.png", Kind::file, flat_png(20)},
          {"pets/bee/" + file_of_bee, Kind::file, "?"},
          {"pets/fly/", Kind::folder},
          {"pets/.git/", Kind::folder},
          {"__MACOSX/pets/ant/._1.png", Kind::file, "?"}};
}

TEST(ImportImages, ClassFoldersWithoutPicturesAreRefusedByName) {
  const std::string source = fresh_path("pets.tar");
  write_archive(source, barren_folders("1.webp"));

  const std::string message =
      error_of([&] { import_images({.source = source, .output = fresh_path("out.h5")}); });

  EXPECT_THAT(message, AllOf(HasSubstr("2 of the class folders"), HasSubstr("pets/fly (empty)"),
                             HasSubstr("pets/bee (pictures in other formats: 1, for example 1.webp)"),
                             HasSubstr("--allow-empty"), testing::Not(HasSubstr(".git")),
                             testing::Not(HasSubstr("pets/ant"))));
}

TEST(ImportImages, EmptyClassesKeepTheirNumberWhenAsked) {
  const std::string source = fresh_path("pets.tar");
  const std::string output = fresh_path("out.h5");
  write_archive(source, barren_folders("1.webp"));

  import_images({.source = source, .output = output}, {.empty_classes = EmptyClasses::keep});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("bee", "cat", "dog", "fly"));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(1, 2));
}

TEST(ImportImages, EmptyFoldersOfOtherSplitsShiftNothing) {
  using Kind = ArchiveItem::Kind;
  const std::string source = fresh_path("pets.tar");
  const std::string output = fresh_path("out.h5");
  write_archive(source, {{"train/cat/1.png", Kind::file, flat_png(10)},
                         {"train/dog/1.png", Kind::file, flat_png(20)},
                         {"test/dog/1.png", Kind::file, flat_png(30)},
                         {"test/cat/", Kind::folder},
                         {"train/eel/", Kind::folder}});
  const ImportOptions options{.source = source, .output = output};

  EXPECT_THAT(error_of([&] { import_images(options); }), HasSubstr("train/eel (empty)"));
  import_images(options, {.empty_classes = EmptyClasses::keep});

  EXPECT_THAT(Hdf5File::open(output).read<std::int32_t>("test/labels"), ElementsAre(1));
}

TEST(ImportImages, SaysWhatItLeavesOutByKind) {
  NamedFiles files = pets();
  files.emplace_back("pets/train/dog/2.webp", "?");
  files.emplace_back("pets/train/dog/3.gif", "?");
  files.emplace_back("pets/more.tar.gz", "?");
  files.emplace_back("pets/train/notes/plan.txt", "?");
  files.emplace_back("pets/train/Cat/1.png", flat_png(13));

  const std::string said =
      said_by_import({.source = packed("pets.zip", files), .output = fresh_path("out.h5")});

  EXPECT_THAT(said, AllOf(HasSubstr("formats that are not read: 2 (GIF 1, WebP 1), for example "
                                    "pets/train/dog/2.webp"),
                          HasSubstr("archives: 1, for example pets/more.tar.gz"),
                          HasSubstr("not pictures by their names: 2, for example pets/README.txt"),
                          HasSubstr("hidden files: 1, for example pets/train/cat/._1.png"),
                          HasSubstr("The folder pets/train/notes holds no pictures (but plan.txt)"),
                          HasSubstr("The classes Cat and cat differ only in capital letters")));
}

TEST(ImportImages, SourcesOfOtherThingsAreNamed) {
  EXPECT_THAT(import_error({{"a/1.webp", "?"}, {"b/1.bmp", "?"}}),
              AllOf(HasSubstr("holds no JPEG or PNG"), HasSubstr("BMP 1, WebP 1"), HasSubstr("Convert")));
  EXPECT_THAT(import_error({{"n01440764.tar", "?"}}),
              AllOf(HasSubstr("archives: 1"), HasSubstr("Unpack them")));
}

TEST(ImportImages, DeepPicturesStayWholeInFloats) {
  const auto deep = [](std::uint16_t value) {
    return png_file({.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 16, .width = 1, .samples = {value}});
  };
  const NamedFiles files{{"a/1.png", deep(257 * 7)}, {"b/1.png", deep(40000)}};
  const std::string bytes = fresh_path("bytes.h5");
  const std::string floats = fresh_path("floats.h5");
  const std::string source = packed("deep.tar", files);
  const DecodeOptions grey{.colour = Colour::grey};

  const std::string said = said_by_import({.source = source, .output = bytes}, {.decode = grey});
  import_images({.source = source, .output = floats}, {.decode = grey, .pixels = PixelType::float32});

  EXPECT_THAT(values_of(Hdf5File::open(bytes), "train"), ElementsAre(7, 156));
  EXPECT_THAT(Hdf5File::open(floats).read<float>("train/images"),
              ElementsAre(7.0f, testing::FloatEq(40000 / 257.0f)));
  EXPECT_THAT(said, AllOf(HasSubstr("16 bits a value: 2 of 2, for example a/1.png"), HasSubstr("float32")));
  EXPECT_EQ(Hdf5File::open(bytes).string_attribute("/", "provenance_depth"),
            "upper 8 of 16 bits in 2 images");
  EXPECT_FALSE(Hdf5File::open(floats).has_attribute("/", "provenance_depth"));
}

TEST(ImportImages, SaysWhatIsTurnedAndTransparent) {
  const std::string exif("MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26);
  const auto picture = [](std::vector<std::uint16_t> samples, const std::string& block) {
    return png_file({.colour_type = PNG_COLOR_TYPE_GRAY_ALPHA,
                     .width = 2,
                     .samples = std::move(samples),
                     .exif = {block.begin(), block.end()}});
  };
  const std::string source =
      packed("lying.tar", {{"a/1.png", picture({1, 255, 2, 255, 3, 255, 4, 255}, exif)},
                           {"b/1.png", picture({1, 0, 2, 255, 3, 255, 4, 255}, "")}});
  const std::string output = fresh_path("out.h5");

  const std::string said =
      said_by_import({.source = source, .output = output}, {.decode = {.colour = Colour::grey}});
  import_images(
      {.source = source, .output = output, .existing = Existing::replace},
      {.decode = {.colour = Colour::grey, .alpha = Alpha::black, .orientation = Orientation::stored}});

  EXPECT_THAT(
      said, AllOf(HasSubstr("EXIF orientation says: 1 of 2 images, for example a/1.png"),
                  HasSubstr("--orient stored"), HasSubstr("transparent pixels: 1 of 2, for example b/1.png"),
                  HasSubstr("--alpha black")));
  EXPECT_THAT(values_of(Hdf5File::open(output), "train"), ElementsAre(1, 0));
  EXPECT_EQ(Hdf5File::open(output).string_attribute("/", "provenance_alpha"), "laid on black in 1 images");
}

TEST(ImportImages, MakesTheFolderOfItsOutput) {
  const std::string output = fresh_path("data/sets/pets.h5");

  import_images({.source = packed("pets.tar", pets()), .output = output});

  EXPECT_EQ(Hdf5File::open(output).extents("train/labels"), (Extents{4}));
}

TEST(ImportImages, ValidationIsTakenFromTrainOnlyWhenThereIsNone) {
  NamedFiles files = pets();
  files.emplace_back("pets/val/cat/9.png", flat_png(90));
  const std::string output = fresh_path("val.h5");
  const std::string taken = fresh_path("taken.h5");

  import_images({.source = packed("pets.tar", files), .output = output});
  import_images({.source = packed("pets.tar", pets()), .output = taken, .validation_fraction = 0.5});

  EXPECT_THAT(values_of(Hdf5File::open(output), "validation"), ElementsAre(90));
  // Two of three cats; the only dog stays where it teaches something.
  EXPECT_EQ(Hdf5File::open(taken).read<std::int32_t>("validation/labels"), (std::vector<std::int32_t>{0, 0}));
  EXPECT_EQ(Hdf5File::open(taken).read<std::int32_t>("train/labels"), (std::vector<std::int32_t>{0, 1}));
  EXPECT_THAT(import_error(files, {.validation_fraction = 0.5}),
              HasSubstr("has validation images of its own"));
  EXPECT_THAT(import_error({{"pets/cat/1.png", flat_png(10)}, {"pets/dog/1.png", flat_png(20)}},
                           {.validation_fraction = 0.5}),
              HasSubstr("no class has two"));
}

TEST(ImportImages, RealPhotographsComeOutWhole) {
  const char* const data = std::getenv("ANNULUS_TEST_DATA");
  const std::string archive = std::string(data != nullptr ? data : "") + "/cifar10/cifar10-images.tar.xz";
  if (!std::filesystem::exists(archive))
    GTEST_SKIP()
        << "set ANNULUS_TEST_DATA to a folder with cifar10/cifar10-images.tar.xz to import the photographs";
  const std::string output = fresh_path("cifar10.h5");

  import_images({.source = archive, .output = output});

  const DatasetSummary summary = describe_dataset(output, PixelScan::read_all);
  ASSERT_EQ(summary.splits.size(), 2u);
  EXPECT_EQ(summary.splits[0].label_counts, std::vector<std::uint64_t>(10, 5000));
  EXPECT_EQ(summary.splits[1].label_counts, std::vector<std::uint64_t>(10, 1000));
  // Means of the original pixels are 125.3, 123.0, 113.9; JPEG moves them by less than a tenth.
  EXPECT_NEAR(summary.splits[0].statistics[0].mean, 125.3, 0.1);
  EXPECT_NEAR(summary.splits[0].statistics[1].mean, 123.0, 0.1);
  EXPECT_NEAR(summary.splits[0].statistics[2].mean, 113.9, 0.1);
}

}  // namespace
}  // namespace annulus::io
