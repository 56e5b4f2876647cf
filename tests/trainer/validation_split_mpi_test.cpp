// What a training is judged on: the same samples on every rank, never those that it is trained on, and never
// by accident.
#include "trainer/validation_split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "io/dataset/stratified_choice.hpp"
#include "io/hdf5/file.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "tests/support/mpi_environment.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

comm::ProcessGroup& group() { return test::session().group(); }

constexpr std::int64_t kRows = 120;

/// Class 0 has half of the rows, class 1 all but ten of the others.
std::int64_t label_of(std::int64_t row) { return row % 2 == 0 ? 0 : row % 12 == 1 ? 2 : 1; }

/// A file whose pixels tell the row, made by rank 0 for all.
class ValidationSplit : public testing::Test {
 protected:
  void SetUp() override {
    if (group().rank() == 0) own_.emplace();
    std::array<char, 512> name{};
    if (own_) (*own_ / "data.h5").copy(name.data(), name.size() - 1);
    group().broadcast(std::as_writable_bytes(std::span(name)), 0, "file of a test");
    path_ = name.data();
  }
  void TearDown() override { group().barrier("end of a test"); }

  void write(const std::vector<std::string>& groups) {
    if (group().rank() == 0) write_file_with(groups);
    group().barrier("file of a test");
  }

  Config config(const std::vector<std::string>& overrides) const {
    std::vector<std::string> all{"data.path=" + path_};
    all.insert(all.end(), overrides.begin(), overrides.end());
    return parse_config(R"(seed: 5
batch: {size: 12, shards: 12}
network: {input: [2, 2, 1], layers: [flatten, dense: 3, softmax]}
)",
                        "test.yaml", all)
        .config;
  }

  static TrainingData open(const Config& config) {
    return open_training_data(config,
                              [](std::size_t bytes) { return test::session().allocate_node_memory(bytes); });
  }

  std::string path_;

 private:
  void write_file_with(const std::vector<std::string>& groups) const {
    std::vector<std::uint8_t> pixels(kRows * 4);
    std::vector<std::int64_t> labels(kRows);
    for (std::int64_t row = 0; row < kRows; ++row) {
      labels[static_cast<std::size_t>(row)] = label_of(row);
      std::fill_n(pixels.begin() + row * 4, 4, static_cast<std::uint8_t>(row));
    }
    io::Hdf5File file = io::Hdf5File::create(path_);
    for (const std::string& name : groups) {
      file.write(name + "/images", {kRows, 2, 2, 1}, std::span<const std::uint8_t>(pixels),
                 io::Hdf5Layout{.chunk_rows = 16});
      file.write(name + "/labels", {kRows}, std::span<const std::int64_t>(labels));
    }
    file.close();
  }

  std::optional<TemporaryDirectory> own_;
};

/// Row -> label, as the pixels and the source tell them.
std::map<int, int> rows_of(io::SampleSource& source) {
  const std::uint64_t n = source.info().samples;
  std::vector<std::uint64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  std::vector<std::byte> pixels(n * 4);
  std::vector<std::int32_t> labels(n);
  source.read(numbers, {pixels, labels});
  std::map<int, int> rows;
  for (std::uint64_t i = 0; i < n; ++i) rows[std::to_integer<int>(pixels[4 * i])] = labels[i];
  return rows;
}

TEST_F(ValidationSplit, TakesAShareOfEveryClassThatTrainingNeverSees) {
  write({"train", "test"});
  for (const char* memory : {"data.resident_mb=64", "data.resident_mb=0"}) {
    const Config with = config({"data.validation_fraction=0.25", memory, "data.window_mb=1"});

    const TrainingData data = open(with);

    const std::map<int, int> training = rows_of(*data.training);
    const std::map<int, int> validation = rows_of(*data.validation);
    EXPECT_EQ(data.validated_on, "0.25 of train");
    EXPECT_EQ(training.size() + validation.size(), std::size_t{kRows});
    std::map<int, int> counts;
    for (const auto& [row, label] : validation) {
      EXPECT_FALSE(training.contains(row));
      EXPECT_EQ(label, label_of(row));
      ++counts[label];
    }
    EXPECT_EQ(counts, (std::map<int, int>{{0, 15}, {1, 13}, {2, 2}}))
        << "of 60, 50 and 10 a quarter, 30 in all";
    EXPECT_TRUE(data.validation->info().resident) << "a small part of a large file is read once";
    require_same_data(data.training.get(), path_, group());
    require_same_data(data.validation.get(), path_, group());
  }
}

TEST_F(ValidationSplit, StreamedAndResidentPartsAreTheSame) {
  write({"train"});
  const auto fingerprints = [&](const char* memory) {
    const TrainingData data = open(config({"data.validation_fraction=0.1", memory, "data.window_mb=1"}));
    return std::pair(data_fingerprint(*data.training), data_fingerprint(*data.validation));
  };

  EXPECT_EQ(fingerprints("data.resident_mb=0"), fingerprints("data.resident_mb=64"));
  EXPECT_NE(fingerprints("data.resident_mb=64").first,
            data_fingerprint(*open(config({"data.validation_fraction=0.1", "seed=6"})).training));
}

TEST_F(ValidationSplit, AnEvaluationFindsThePartsOfTheDataThatWereTrainedOn) {
  write({"train", "test"});
  const Config with = config({"data.validation_fraction=0.25"});
  const TrainingData data = open(with);
  const std::string trained_on = data_fingerprint(*data.training);
  const auto judged = [&](const std::string& split, const std::string& fingerprint) {
    return rows_of(*open_judged(with, split, fingerprint, [](std::size_t bytes) {
      return test::session().allocate_node_memory(bytes);
    }));
  };

  EXPECT_EQ(judged("validation", trained_on), rows_of(*data.validation));
  EXPECT_EQ(judged("train", trained_on), rows_of(*data.training));
  EXPECT_EQ(judged("test", trained_on).size(), std::size_t{kRows});
  EXPECT_EQ(judged("train", "of other data").size(), std::size_t{kRows})
      << "nothing is left out of another file";
  EXPECT_THAT(message_of<DataError>([&] { judged("validation", "of other data"); }),
              AllOf(HasSubstr("data.validation_fraction = 0.25"), HasSubstr("seed = 5")));
}

TEST_F(ValidationSplit, TrainMeansThePartAlsoWhereItsGroupIsCalledOtherwise) {
  write({"fit", "check"});
  const Config with = config({"data.train=fit", "data.test=check", "data.validation_fraction=0.25"});
  const TrainingData data = open(with);
  const std::string trained_on = data_fingerprint(*data.training);

  for (const char* name : {"train", "fit"})
    EXPECT_EQ(
        rows_of(*open_judged(with, name, trained_on,
                             [](std::size_t bytes) { return test::session().allocate_node_memory(bytes); })),
        rows_of(*data.training))
        << name;
}

/// A checkpoint of an older version knows no names of its data, but has weights all the same.
TEST_F(ValidationSplit, WhatDoesNotFitAModelOfAnOlderVersionIsNotTheConfigsFault) {
  write({"train", "test"});
  const TrainedOn model{.data = {}, .has_weights = true};
  const auto message = [&](const std::vector<std::string>& overrides) {
    return message_of<Error>([&] {
      open_group(
          config(overrides), "test",
          [](std::size_t bytes) { return test::session().allocate_node_memory(bytes); }, {}, &model);
    });
  };

  EXPECT_THAT(message({"network.input=[4, 4, 1]"}),
              AllOf(HasSubstr("the model takes images of shape (4, 4, 1)"), Not(HasSubstr("network.input"))));
  EXPECT_THAT(message({"network.layers=[flatten, dense: 2, softmax]"}),
              AllOf(HasSubstr("the model has 2 outputs"), Not(HasSubstr("Give its last layer"))));
}

TEST_F(ValidationSplit, AGroupThatIsNamedMustBeThere) {
  write({"train", "validation", "test"});
  const auto message = [&](const std::vector<std::string>& overrides) {
    return message_of<UsageError>([&] { open(config(overrides)); });
  };

  EXPECT_THAT(
      message({"data.validation=valid"}),
      AllOf(HasSubstr("has no group 'valid'"), HasSubstr("Did you mean validation?"), HasSubstr("test")));
  EXPECT_THAT(message({"data.validation_fraction=0.1"}), HasSubstr("has a group 'validation'"));
  EXPECT_THAT(message({"data.validation_fraction=0.1", "data.validation=test"}),
              HasSubstr("Keep one of the two"));
  EXPECT_EQ(open(config({"data.validation=test"})).validated_on, "test");
  EXPECT_EQ(open(config({})).validated_on, "validation");
  const TrainingData none = open(config({"data.validation=none"}));
  EXPECT_EQ(none.validation, nullptr);
  EXPECT_THAT(none.validated_on, IsEmpty());
}

TEST_F(ValidationSplit, NamesInAGroupThatIsNotReadAreRefused) {
  write({"train", "test"});
  const auto message = [&](const std::vector<std::string>& overrides) {
    return message_of<UsageError>([&] { open(config(overrides)); });
  };

  EXPECT_THAT(
      message({"data.validation_images=missing"}),
      AllOf(HasSubstr("data.validation_images = missing"), HasSubstr("there is no group 'validation'")));
  EXPECT_THAT(message({"data.validation_labels=y", "data.validation_fraction=0.1"}),
              AllOf(HasSubstr("data.validation_labels = y"), HasSubstr("data.validation_fraction = 0.1")));
  EXPECT_THAT(message({"data.validation_images=x", "data.validation=none"}),
              HasSubstr("data.validation is none"));
  EXPECT_EQ(open(config({"data.validation_images=images", "data.validation=test"})).validated_on, "test");
}

TEST_F(ValidationSplit, WhatGoesByAValidationIsRefusedWithoutOne) {
  const auto message = [&](const std::vector<std::string>& overrides) {
    return message_of<UsageError>([&] { announce_validation(config(overrides), ""); });
  };

  EXPECT_THAT(message({"early_stopping.patience=3"}),
              AllOf(HasSubstr("early_stopping.patience = 3"), HasSubstr("data.validation_fraction")));
  EXPECT_THAT(message({"checkpoint.best_by=macro_recall"}), HasSubstr("checkpoint.best_by = macro_recall"));
  EXPECT_THAT(message({"early_stopping.patience=3", "data.validation=none"}),
              HasSubstr("data.validation_fraction=0.1 instead of data.validation=none"));
  EXPECT_THAT(message({}), IsEmpty()) << "`keep_best` is on by default: it is only said";
}

TEST_F(ValidationSplit, TheTestSamplesAreNotTakenWithoutAWord) {
  write({"train", "test"});
  const Config plain = config({});
  const auto said = [&](const Config& config, const std::string& validated_on) {
    testing::internal::CaptureStderr();
    announce_validation(config, validated_on);
    return testing::internal::GetCapturedStderr();
  };

  EXPECT_EQ(open(plain).validated_on, "test");
  EXPECT_THAT(said(plain, "test"),
              AllOf(HasSubstr("validating on 'test'"), HasSubstr("data.validation_fraction")));
  EXPECT_THAT(said(plain, ""), HasSubstr("nothing is validated"));
  EXPECT_THAT(said(plain, "validation"), IsEmpty());
  const Config named = config({"data.validation=test"});
  EXPECT_THAT(said(named, "test"), AllOf(HasSubstr("which are the test samples as well"),
                                         HasSubstr("instead of data.validation=test")));
  const Config root = config({"data.train=/", "data.validation=/", "data.test=/", "data.test_images=x_test"});
  Config both = root;
  both.data.validation_images = "x_test";
  EXPECT_THAT(said(both, "/"), HasSubstr("validating on 'x_test'"));
  both.data.validation_images = "x_val";
  EXPECT_THAT(said(both, "/"), IsEmpty());
}

}  // namespace
}  // namespace annulus::trainer
