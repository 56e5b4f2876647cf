// Which datasets of a file are a split: groups, or names side by side in the root.
#include "trainer/data_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/data_files.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Config config_with(const std::vector<std::string>& overrides) {
  return parse_config(R"(name: small
batch: {size: 4, shards: 4}
network:
  input: [2, 2, 1]
  layers:
    - flatten
    - dense: 2
    - softmax
)",
                      "test.yaml", overrides)
      .config;
}

/// A file with these datasets: images (4, 2, 2), labels (4).
std::string write_data(const TemporaryDirectory& directory, const std::vector<std::string>& images,
                       const std::vector<std::string>& labels) {
  const std::string path = directory / "data.h5";
  io::Hdf5File file = io::Hdf5File::create(path, io::Existing::replace);
  const std::vector<std::uint8_t> pixels(16);
  const std::vector<std::int64_t> numbers{0, 1, 0, 1};
  for (const std::string& name : images) file.write(name, {4, 2, 2}, std::span<const std::uint8_t>(pixels));
  for (const std::string& name : labels) file.write(name, {4}, std::span<const std::int64_t>(numbers));
  file.close();
  return path;
}

TEST(DataNames, GroupsHaveTheUsualNamesOrTheirOwn) {
  const Config config =
      config_with({"data.validation_images=x_valid", "data.test=hold", "data.test_labels=y"});

  EXPECT_EQ(names_of(config, Split::train), (SplitNames{"train", "train/images", "train/labels"}));
  EXPECT_EQ(names_of(config, Split::validation),
            (SplitNames{"validation", "validation/x_valid", "validation/labels"}));
  EXPECT_EQ(names_of(config, Split::test), (SplitNames{"hold", "hold/images", "hold/y"}));
  Config unlabelled = config;  // as `annulus predict` makes it
  unlabelled.data.labels.clear();
  EXPECT_EQ(names_of(unlabelled, Split::test).labels, "");
}

TEST(DataNames, TheRootIsAGroup) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"x_train", "x_test"}, {"y_train", "y_test"});
  const std::vector<std::string> keys{"data.path=" + path,
                                      "data.train=/",
                                      "data.images=x_train",
                                      "data.labels=y_train",
                                      "data.validation=/",
                                      "data.validation_images=x_test",
                                      "data.validation_labels=y_test",
                                      "data.test=/",
                                      "data.test_images=x_test",
                                      "data.test_labels=y_test"};
  const Config config = config_with(keys);

  const TrainingData data = open_training_data(config, make_private_memory);

  EXPECT_EQ(data.training->info().samples, 4U);
  EXPECT_EQ(data.validation->info().samples, 4U);
  EXPECT_EQ(names_of(config, Split::train), (SplitNames{"/", "x_train", "y_train"}));
  EXPECT_EQ(names_of(config, "test"), (SplitNames{"/", "x_test", "y_test"})) << "as evaluate --split asks";
  EXPECT_EQ(names_of(config, "train"), (SplitNames{"/", "x_train", "y_train"}));
}

TEST(DataNames, AWordForASplitMeansTheGroupOfTheConfig) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"test/value/images/value"}, {"test/value/labels/value"});
  const Config octave = config_with(
      {"data.path=" + path, "data.test=test/value", "data.images=images/value", "data.labels=labels/value"});

  EXPECT_EQ(names_of(octave, "test").images, "test/value/images/value");
  EXPECT_EQ(names_of(octave, "other").images, "other/images/value");
}

/// A file under a name of its own.
std::string write_named(const TemporaryDirectory& directory, const std::string& name,
                        const std::vector<std::string>& groups) {
  std::vector<std::string> images, labels;
  for (const std::string& group : groups) {
    images.push_back(group + "/images");
    labels.push_back(group + "/labels");
  }
  const std::string path = directory / name;
  std::filesystem::rename(write_data(directory, images, labels), path);
  return path;
}

std::string open_error(const std::vector<std::string>& overrides) {
  try {
    open_training_data(config_with(overrides), make_private_memory);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(DataFiles, OfASplitAreThoseThatHaveItsGroup) {
  const TemporaryDirectory directory;
  write_named(directory, "part-10.h5", {"train", "test"});
  write_named(directory, "part-9.h5", {"train"});
  write_named(directory, "other.h5", {"validation"});
  const std::string pattern =
      "data.files=[" + (directory / "part-*.h5") + ", " + (directory / "other.h5") + "]";
  const Config config = config_with({pattern});

  const TrainingData data = open_training_data(config, make_private_memory);

  EXPECT_EQ(data.validated_on, "validation");
  EXPECT_EQ(data.training->info().samples, 8U);
  EXPECT_EQ(data.training->info().files->place(4), (directory / "part-9.h5") + ", row 0") << "by bytes";
  EXPECT_EQ(data.validation->info().samples, 4U);
  EXPECT_EQ(open_group(config, "test", make_private_memory)->info().samples, 4U);
  const TrainingData parts = open_training_data(
      config_with({"data.files=" + (directory / "part-*.h5"), "data.validation_fraction=0.25"}),
      make_private_memory);
  EXPECT_EQ(parts.training->info().samples, 6U);
  EXPECT_EQ(parts.validation->info().samples, 2U);
}

TEST(DataFiles, ASplitMayHaveFilesOfItsOwn) {
  const TemporaryDirectory directory;
  const std::string train = "data.path=" + write_named(directory, "train.h5", {"train", "test"});
  const std::string judged = "data.validation_files=" + write_named(directory, "val-1.h5", {"train"});
  const Config config = config_with({train, judged, "data.validation=train"});

  const TrainingData data = open_training_data(config, make_private_memory);

  EXPECT_THAT(data.validation->info().name, HasSubstr("val-1.h5"));
  EXPECT_THAT(open_group(config, "validation", make_private_memory)->info().name, HasSubstr("val-1.h5"));
  EXPECT_THAT(open_group(config, "test", make_private_memory)->info().name, HasSubstr("train.h5"));
  EXPECT_THAT(open_error({train, judged}), HasSubstr("data.validation=train"));
}

TEST(DataFiles, AreListedRightly) {
  const TemporaryDirectory directory;
  const std::string a = write_named(directory, "a.h5", {"train"});
  const std::string b = write_named(directory, "b.h5", {"train"});
  const auto files = [](const std::string& list) { return "data.files=" + list; };

  EXPECT_THAT(open_error({files(directory / "c*.h5")}),
              HasSubstr("no file matches this pattern of data.files"));
  EXPECT_THAT(open_error({files(directory / "")}), HasSubstr("is a folder"));
  EXPECT_THAT(open_error({files("[" + a + ", " + (directory / "*.h5") + "]")}),
              AllOf(HasSubstr(a), HasSubstr("comes twice")));
  EXPECT_THAT(open_error({files("[" + a + ", " + b + "]"), "data.label_files=" + a}),
              AllOf(HasSubstr("data.label_files names 1 files"), HasSubstr("data.files names 2")));
}

TEST(DataNames, ALimitIsForTrainingAlone) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"x_train", "x_test"}, {"y"});
  const Config config =
      config_with({"data.path=" + path, "data.train=/", "data.images=x_train", "data.labels=y", "data.test=/",
                   "data.test_images=x_test", "data.limit=2"});

  EXPECT_EQ(open_training(config, make_private_memory)->info().samples, 2U);
  EXPECT_EQ(open_group(config, "test", make_private_memory)->info().samples, 4U);
}

TEST(DataNames, NamesInTheRootAreProposed) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"x_train", "x_test"}, {"y_train", "y_test"});
  const std::string keys =
      "data.train=/ data.images=x_train data.labels=y_train data.validation_fraction=0.1 "
      "data.test=/ data.test_images=x_test data.test_labels=y_test";

  for (const char* images : {"images", "x_train"}) {
    const Config config = config_with({"data.path=" + path, std::string("data.images=") + images});
    EXPECT_THAT(message_of<Error>([&] { open_training(config, make_private_memory); }), HasSubstr(keys));
  }
}

TEST(DataNames, WhatIsProposedValidatesOnNoTestSamples) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"x_train", "x_test"}, {"y_train", "y_test"});
  const Config followed = config_with({"data.path=" + path, "data.train=/", "data.images=x_train",
                                       "data.labels=y_train", "data.validation_fraction=0.1", "data.test=/",
                                       "data.test_images=x_test", "data.test_labels=y_test"});

  const TrainingData data = open_training_data(followed, make_private_memory);

  EXPECT_EQ(data.training->info().samples, 2U);
  EXPECT_EQ(data.validation->info().samples, 2U) << "one of each class";
  const TemporaryDirectory other;
  const std::string three = write_data(other, {"x_train", "x_val", "x_test"}, {"y_train", "y_val", "y_test"});
  EXPECT_THAT(
      message_of<Error>([&] { open_training(config_with({"data.path=" + three}), make_private_memory); }),
      HasSubstr("data.labels=y_train data.validation=/ data.validation_images=x_val "
                "data.validation_labels=y_val data.test=/ data.test_images=x_test"));
}

TEST(DataNames, TrainingSamplesInTheRootAreNotValidatedOn) {
  const TemporaryDirectory directory;
  const std::string path = write_data(directory, {"x"}, {"y"});
  const Config config = config_with(
      {"data.path=" + path, "data.train=/", "data.images=x", "data.labels=y", "data.validation=/"});

  EXPECT_THAT(message_of<Error>([&] { open_training_data(config, make_private_memory); }),
              HasSubstr("validation would read x, which training reads"));
}

TEST(DataFiles, OfASetByAPatternAreAllThere) {
  const TemporaryDirectory directory;
  for (const char* name : {"c-00000-of-00003.h5", "c-00002-of-00003.h5"})
    std::filesystem::rename(write_data(directory, {"train/images"}, {"train/labels"}), directory / name);
  const std::string first = directory / "c-00000-of-00003.h5", pattern = directory / "c-*.h5";
  const auto files = [](const std::string& entry) {
    const Config config = config_with({"data.files=['" + entry + "']"});
    return image_files(config.data, names_of(config, Split::train)).size();
  };

  try {
    files(pattern);
    FAIL() << "a third of the data would be missing without a word";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("data.files: 1 of the 3 files"), HasSubstr("c-00001-of-00003.h5")));
  }
  EXPECT_EQ(files(first), 1U) << "named one by one they may be a part";
}

}  // namespace
}  // namespace annulus::trainer
