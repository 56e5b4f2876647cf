// The shapes in which folders of pictures come: tiny-imagenet, lists of synsets, mixed sizes, pictures that
// cannot be read or have no class.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

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

std::string folder_of(const NamedFiles& files) {
  const std::string path = fresh_path("pictures");
  for (const auto& [file, contents] : files) write_text(path + "/" + file, contents);
  return path;
}

struct Outcome {
  std::string output;
  std::string said;
  std::string error;
};

Outcome import_folder(const NamedFiles& files, const ImageOptions& images = {}, int threads = 2) {
  Outcome outcome{fresh_path("out.h5"), "", ""};
  testing::internal::CaptureStderr();
  outcome.error = error_of([&] {
    import_images({.source = folder_of(files), .output = outcome.output, .threads = threads}, images);
  });
  outcome.said = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(ImportImageShapes, SplitsInAnyCapitals) {
  const Outcome made = import_folder({{"Train/a/1.png", flat_png(1)},
                                      {"Train/b/1.png", flat_png(2)},
                                      {"VAL/a/1.png", flat_png(3)},
                                      {"Test/b/1.png", flat_png(4)}});

  ASSERT_EQ(made.error, "");
  const Hdf5File file = Hdf5File::open(made.output);
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("a", "b"));
  EXPECT_THAT(values_of(file, "train"), ElementsAre(1, 2));
  EXPECT_THAT(values_of(file, "validation"), ElementsAre(3));
  EXPECT_THAT(values_of(file, "test"), ElementsAre(4));
}

NamedFiles tiny_imagenet() {
  return {
      {"tiny/train/n01/images/n01_0.JPEG", flat_png(10)},
      {"tiny/train/n01/n01_boxes.txt", "n01_0.JPEG\t0\t0\t62\t62\n"},
      {"tiny/train/n02/images/n02_0.JPEG", flat_png(20)},
      {"tiny/train/n02/images/n02_1.JPEG", flat_png(21)},
      {"tiny/val/images/val_0.JPEG", flat_png(32)},
      {"tiny/val/images/val_1.JPEG", flat_png(31)},
      {"tiny/val/val_annotations.txt", "val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t52\t55\t57\t59\n"},
      {"tiny/test/images/test_0.JPEG", flat_png(40)},
      {"tiny/wnids.txt", "n02\nn01\n"}};
}

TEST(ImportImageShapes, TinyImagenetWithClassesOfItsOwnValidation) {
  const Outcome made = import_folder(tiny_imagenet());

  ASSERT_EQ(made.error, "");
  const Hdf5File file = Hdf5File::open(made.output);
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("n01", "n02"));
  EXPECT_THAT(values_of(file, "train"), ElementsAre(20, 10, 21));
  EXPECT_THAT(values_of(file, "validation"), ElementsAre(31, 32));
  EXPECT_THAT(file.read<std::int32_t>("validation/labels"), ElementsAre(0, 1));
  EXPECT_FALSE(file.exists("test")) << "it has no classes";
  EXPECT_THAT(made.said, AllOf(HasSubstr("Left out pictures without a class: 1"), HasSubstr("--unlabelled")));
}

TEST(ImportImageShapes, AClassMayBeCalledImages) {
  const Outcome made =
      import_folder({{"train/images/1.png", flat_png(1)}, {"train/other/1.png", flat_png(2)}});

  ASSERT_EQ(made.error, "");
  EXPECT_THAT(Hdf5File::open(made.output).strings_attribute("/", "classes"), ElementsAre("images", "other"));
}

TEST(ImportImageShapes, SynsetsOrderAndNameTheClasses) {
  const std::string list = fresh_path("LOC_synset_mapping.txt");
  write_text(list, "n02 crane\nn03 tench, Tinca tinca\nn01 crane\n");

  const Outcome made =
      import_folder({{"train/n01/1.png", flat_png(1)}, {"train/n02/1.png", flat_png(2)}}, {.synsets = list});
  const Outcome foreign =
      import_folder({{"train/n09/1.png", flat_png(1)}, {"train/n02/1.png", flat_png(2)}}, {.synsets = list});

  ASSERT_EQ(made.error, "");
  const Hdf5File file = Hdf5File::open(made.output);
  EXPECT_THAT(file.strings_attribute("/", "classes"),
              ElementsAre("crane (n02)", "tench, Tinca tinca", "crane (n01)"));
  EXPECT_THAT(values_of(file, "train"), ElementsAre(2, 1));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(0, 2));
  EXPECT_THAT(foreign.error, HasSubstr("class folder \"n09\" does not stand in the list of synsets"));
  write_text(list, "n01\nn01\n");
  EXPECT_THAT(import_folder({{"a/1.png", ""}}, {.synsets = list}).error,
              HasSubstr("\"n01\" stands there twice"));
}

TEST(ImportImageShapes, UnreadablePicturesAreCollected) {
  const NamedFiles files{{"a/1.png", "damaged"},
                         {"a/2.png", flat_png(12)},
                         {"a/3.jpg", "no picture"},
                         {"b/1.png", flat_png(21)},
                         {"b/2.png", flat_png(22).substr(0, 60)}};
  const ImageOptions skip{.unreadable = Unreadable::skip};

  const Outcome stopped = import_folder(files);
  const Outcome made = import_folder(files, skip, 1);
  const Outcome again = import_folder(files, skip, 3);

  EXPECT_THAT(stopped.error, AllOf(HasSubstr("a/1.png"), HasSubstr("--skip-unreadable")));
  ASSERT_EQ(made.error, "");
  EXPECT_THAT(values_of(Hdf5File::open(made.output), "train"), ElementsAre(12, 21));
  EXPECT_THAT(made.said, AllOf(HasSubstr("cannot be read: 3 of 5, for example a/1.png, a/3.jpg, b/2.png"),
                               HasSubstr(made.output + ".unreadable.txt")));
  const std::string list = file_text(made.output + ".unreadable.txt");
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 3) << list;
  EXPECT_LT(list.find("a/1.png"), list.find("b/2.png"));
  EXPECT_EQ(values_of(Hdf5File::open(again.output), "train"),
            values_of(Hdf5File::open(made.output), "train"));
}

TEST(ImportImageShapes, AClassOfUnreadablePicturesAloneDoesNotVanish) {
  const NamedFiles files{{"a/1.png", "damaged"}, {"b/1.png", flat_png(21)}, {"c/1.png", flat_png(31)}};

  const Outcome refused = import_folder(files, {.unreadable = Unreadable::skip});
  const Outcome kept =
      import_folder(files, {.empty_classes = EmptyClasses::keep, .unreadable = Unreadable::skip});

  EXPECT_THAT(refused.error, HasSubstr("a (pictures that cannot be read: 1, for example 1.png)"));
  ASSERT_EQ(kept.error, "");
  EXPECT_THAT(Hdf5File::open(kept.output).read<std::int32_t>("train/labels"), ElementsAre(1, 2));
}

TEST(ImportImageShapes, UnlabelledPicturesKeepTheOrderOfTheirNames) {
  const Outcome made = import_folder(
      {{"2.png", flat_png(2)}, {"deep/er/3.png", flat_png(3)}, {"1.png", flat_png(1)}}, {.unlabelled = true});

  ASSERT_EQ(made.error, "");
  const Hdf5File file = Hdf5File::open(made.output);
  EXPECT_THAT(values_of(file, "test"), ElementsAre(1, 2, 3));
  EXPECT_FALSE(file.exists("test/labels"));
  EXPECT_EQ(file_text(made.output + ".names.txt"), "1.png\n2.png\ndeep/er/3.png\n");
}

/// 4 lines of 8 pixels, of which column x has the value 10 x.
Image columns() {
  Image image{4, 8, 1, {}};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x) image.pixels.push_back(static_cast<std::uint8_t>(10 * x));
  return image;
}

TEST(FittedImage, CropsTheMiddleOrPadsWithBlack) {
  const Image cropped = fitted(columns(), 4, 4, Fit::crop);
  const Image padded = fitted(columns(), 8, 8, Fit::pad);
  const Image stretched = fitted(columns(), 4, 8, Fit::stretch);

  ASSERT_EQ(cropped.pixels.size(), 16U);
  EXPECT_THAT(std::vector<int>(cropped.pixels.begin(), cropped.pixels.begin() + 4),
              ElementsAre(20, 30, 40, 50));
  ASSERT_EQ(padded.pixels.size(), 64U);
  EXPECT_EQ(std::vector<std::uint8_t>(padded.pixels.begin() + 16, padded.pixels.begin() + 48),
            columns().pixels);
  for (const int line : {0, 1, 6, 7})
    for (int x = 0; x < 8; ++x) EXPECT_EQ(padded.pixels[static_cast<std::size_t>(8 * line + x)], 0);
  EXPECT_EQ(stretched.pixels, columns().pixels);
}

TEST(FittedImage, BringsEveryShapeToTheSize) {
  for (const Fit fit : {Fit::stretch, Fit::crop, Fit::pad})
    for (const std::int64_t height : {1, 3, 7, 40})
      for (const std::int64_t width : {1, 4, 50}) {
        const Image image = fitted(plain_image(height, width, {200, 100, 50}), 6, 9, fit);
        EXPECT_EQ(image.pixels.size(), 6U * 9 * 3);
        EXPECT_EQ(*std::max_element(image.pixels.begin(), image.pixels.end()), 200)
            << height << " x " << width;
      }
}

}  // namespace
}  // namespace annulus::io
