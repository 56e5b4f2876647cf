// Per-feature normalisation over ranks: one rank reads, all know, and an error of the one is everybody's.
#include "trainer/data_splits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "io/augmentation/normalisation.hpp"
#include "io/dataset/matched_source.hpp"
#include "tests/support/measured_features.hpp"
#include "tests/support/mpi_environment.hpp"
#include "tests/support/pattern_source.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/loop/shared_signature.hpp"
#include "trainer/pixel_scale.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

comm::ProcessGroup& group() { return annulus::test::session().group(); }

Config per_feature_config() {
  return parse_config(R"(name: small
batch: {size: 4, shards: 4}
normalisation: {kind: per_feature, rescale: 1/255}
network:
  input: [20, 21, 3]
  layers:
    - flatten
    - dense: 2
    - softmax
)",
                      "test.yaml")
      .config;
}

/// Value for value, so that a difference in the last bit shows.
void expect_same_on_all_ranks(const std::vector<float>& values) {
  std::vector<float> all(values.size() * static_cast<std::size_t>(group().size()));
  group().all_gather(std::as_bytes(std::span(values)), std::as_writable_bytes(std::span(all)), "test");
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], values[i % values.size()]);
}

TEST(ResolveNormalisation, OneRankReadsAndAllKnow) {
  for (const io::PixelType pixels : {io::PixelType::uint8, io::PixelType::float32}) {
    test::PatternSource source(900, {20, 21, 3}, pixels);
    int reads = 0;
    source.before_read = [&reads](auto) { ++reads; };
    Config config = per_feature_config();

    resolve_normalisation(config, source, group());

    EXPECT_EQ(reads > 0, group().rank() == 0);
    source.before_read = nullptr;
    const io::Normalisation expected = test::measured_features(source, 1.0f / 255);  // each rank by itself
    EXPECT_EQ(config.normalisation, expected);
    expect_same_on_all_ranks(config.normalisation.mean);
    expect_same_on_all_ranks(config.normalisation.deviation);
    EXPECT_EQ(parse_config(config.yaml, "stored.yaml").config.normalisation, expected);
  }
}

TEST(ResolveNormalisation, WhatTheConfigKnowsIsNotMeasured) {
  test::PatternSource source(9, {20, 21, 3});
  source.before_read = [](auto) { FAIL() << "mean and deviation were there"; };
  Config config = per_feature_config();
  config.normalisation.mean = {1, 2, 3};
  config.normalisation.deviation = {4, 5, 6};
  const io::Normalisation given = config.normalisation;

  resolve_normalisation(config, source, group());

  EXPECT_EQ(config.normalisation, given);
}

TEST(ResolveNormalisation, WhatAnEarlierStartMeasuredIsNotMeasuredAgain) {
  test::PatternSource source(9, {20, 21, 3});
  source.before_read = [](auto) { FAIL() << "mean and deviation were known"; };
  Config config = per_feature_config();
  io::Normalisation known;
  if (group().rank() == 0) {
    known.mean = {0.1f, 0.2f, 0.3f};
    known.deviation = {0.4f, 0.5f, 0.6f};
  }

  resolve_normalisation(config, source, group(), known);

  EXPECT_EQ(config.normalisation.mean, (std::vector<float>{0.1f, 0.2f, 0.3f}));
  EXPECT_EQ(config.normalisation.deviation, (std::vector<float>{0.4f, 0.5f, 0.6f}));
  EXPECT_EQ(parse_config(config.yaml, "stored.yaml").config.normalisation, config.normalisation);
}

TEST(ResolveNormalisation, WhatCannotBeTrueIsMeasuredAgain) {
  for (const float deviation : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    test::PatternSource source(9, {20, 21, 3});
    Config config = per_feature_config();
    io::Normalisation known;
    known.mean = {1, 2, 3};
    known.deviation = {1, 1, deviation};

    resolve_normalisation(config, source, group(), known);

    EXPECT_EQ(config.normalisation, test::measured_features(source, 1.0f / 255));
  }
}

TEST(ResolveNormalisation, AnErrorOfTheReaderIsEverybodys) {
  test::PatternSource source(900, {20, 21, 3}, io::PixelType::float32);
  source.before_read = [](std::span<const std::uint64_t> samples) {
    if (samples.front() > 0) throw DataError("row {} cannot be read", samples.front());
  };
  Config config = per_feature_config();

  try {
    resolve_normalisation(config, source, group());
    FAIL() << "the second block cannot be read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_THAT(error.what(), HasSubstr("cannot be read"));
  }
}

TEST(RequireSameData, OneRankWithOtherDataStopsAll) {
  const bool odd_one = group().rank() == group().size() - 1 && group().size() > 1;
  test::PatternSource usual(30, {4, 4, 3});
  test::PatternSource fewer(29, {4, 4, 3});
  const auto message = [](io::SampleSource* source) {
    try {
      require_same_data(source, "cifar10.h5", group());
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };

  EXPECT_EQ(message(&usual), "");
  EXPECT_EQ(message(nullptr), "");
  if (group().size() == 1) return;
  const std::string last = "rank " + std::to_string(group().size() - 1) + " on host ";
  EXPECT_THAT(message(odd_one ? &fewer : &usual),
              AllOf(HasSubstr("cifar10.h5: rank 0 on host "), HasSubstr("finds 30 samples of (4, 4, 3)"),
                    HasSubstr(last), HasSubstr("finds 29 samples")));
  EXPECT_THAT(message(odd_one ? nullptr : &usual), HasSubstr("finds none"));
}

TEST(ShareSignature, RankZerosIsEverybodys) {
  const io::DataSignature expected{.classes = {"caf\xe9", "", "two\nlines"},
                                   .vectors = {{"track", {"p", "x"}}, {"plain", {}}},
                                   .pixels = {.measured = true, .largest = 255, .rescale = 0.5}};
  std::optional<io::DataSignature> signature;
  if (group().rank() == 0) signature = expected;

  share_signature(group(), signature);

  EXPECT_EQ(signature, expected);
  std::optional<io::DataSignature> none;
  share_signature(group(), none);
  EXPECT_FALSE(none);
}

TEST(RequireSameData, NamesCount) {
  if (group().size() == 1) return;
  const io::DataSignature other{.classes = {"zero", "one"}, .vectors = {}, .pixels = {}};
  auto source = std::make_unique<test::PatternSource>(9, SampleShape{2, 2, 1});
  io::MatchedSource mine = io::match_source(
      std::move(source), group().rank() == 1 ? other : io::DataSignature{}, {.classes_by_number = true});

  EXPECT_THAT(message_of<DataError>([&] { require_same_data(mine.source.get(), "a.h5", group()); }),
              AllOf(HasSubstr("rank 1"), HasSubstr("names ")));
}

/// Flat vectors of two values, under these names.
class NamedValues final : public io::SampleSource {
 public:
  explicit NamedValues(std::vector<std::string> names)
      : source_(9, SampleShape{1, 1, 2, true}), info_(source_.info()) {
    info_.value_names = std::move(names);
  }
  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return source_.all_labels(); }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override { source_.check_unchanged(); }
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    source_.read(samples, buffers);
  }

 private:
  test::PatternSource source_;
  io::SourceInfo info_;
};

TEST(RequireSameData, NamesOfFlatValuesCount) {
  NamedValues usual({"px", "py"});
  NamedValues turned({"py", "px"});
  EXPECT_NO_THROW(require_same_data(&usual, "a.h5", group()));
  if (group().size() == 1) return;

  EXPECT_THAT(message_of<DataError>(
                  [&] { require_same_data(group().rank() == 1 ? &turned : &usual, "a.h5", group()); }),
              AllOf(HasSubstr("rank 1"), HasSubstr("names ")));
}

TEST(RequireSameScale, IsRefusedOnAllRanksAndTheRescaleNamed) {
  test::PatternSource source(40, {20, 21, 3}, io::PixelType::float32);  // 0 to 255
  const Config config = per_feature_config();
  TrainedOn model{.data = io::DataSignature{.classes = {},
                                            .vectors = {},
                                            .pixels = {.type = io::PixelType::float32,
                                                       .measured = true,
                                                       .largest = 1,
                                                       .mean = 0.5,
                                                       .deviation = 0.3}}};
  require_same_scale(source, config, model, group());  // 1/255 of 255 is 1

  model.data->pixels.rescale = 1.0 / 255;

  EXPECT_THAT(
      message_of<Error>([&] { require_same_scale(source, config, model, group()); }),
      AllOf(HasSubstr("pattern: holds float32 pixels"), HasSubstr("add normalisation.rescale=1/65025")));
  EXPECT_THAT(
      message_of<Error>([&] { require_same_scale(source, config, model, group(), ScaleOf::training); }),
      AllOf(HasSubstr("the training samples are float32 pixels"), HasSubstr("bring both splits to one scale"),
            Not(HasSubstr("normalisation.rescale=")), Not(HasSubstr("the model was trained"))));
  model.allowed = {"data.pixels"};
  EXPECT_NO_THROW(require_same_scale(source, config, model, group()));
  model = {.data = {}};
  EXPECT_NO_THROW(require_same_scale(source, config, model, group()));
}

}  // namespace
}  // namespace annulus::trainer
