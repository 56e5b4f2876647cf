// Other data as a model takes them: by name where there are names, refused by name where there is no
// counterpart.
#include "io/dataset/matched_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Names = std::vector<std::string>;

/// One sample per label given; pixels say its number, the row of vectors a hundred times that plus the place.
class ListedSource final : public SampleSource {
 public:
  ListedSource(Names classes, std::vector<std::int32_t> labels, Names columns = {})
      : labels_(std::move(labels)) {
    info_ = {.name = "later.h5:test", .samples = labels_.size(), .shape = {1, 1, 1}};
    info_.numbered = classes.empty();
    info_.classes = std::move(classes);
    for (std::int32_t k = 0; info_.numbered && k <= *std::ranges::max_element(labels_); ++k)
      info_.classes.push_back(std::to_string(k));
    info_.form = "window fixed";
    info_.vectors = {{"first", 1}, {"track", 3}, {"last", 1}};
    info_.columns = {{}, std::move(columns), {}};
  }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return labels_; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override { throw DataError("somebody has written to it"); }
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      buffers.pixels[i] = static_cast<std::byte>(samples[i]);
      buffers.labels[i] = labels_[samples[i]];
      for (std::size_t k = 0; k < 5 && !buffers.vectors.empty(); ++k)
        buffers.vectors[i * 5 + k] = static_cast<float>(100 * samples[i] + k);
    }
  }

 private:
  SourceInfo info_;
  std::vector<std::int32_t> labels_;
};

const Names kAnimals{"ant", "bee", "cod", "doe"};

MatchedSource match(Names classes, std::vector<std::int32_t> labels,
                    const DataSignature& model = {kAnimals, {}, {}}, const MatchOptions& options = {}) {
  return match_source(std::make_unique<ListedSource>(std::move(classes), std::move(labels)), model, options);
}

std::vector<std::int32_t> labels_of(SampleSource& source) {
  std::vector<std::uint64_t> samples(source.info().samples);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = i;
  std::vector<std::byte> pixels(samples.size());
  std::vector<std::int32_t> labels(samples.size());
  source.read(samples, {.pixels = pixels, .labels = labels, .vectors = {}});
  EXPECT_TRUE(std::ranges::equal(source.all_labels(), labels));
  return labels;
}

TEST(MatchClasses, TheSameNamesChangeNothing) {
  const MatchedSource matched = match(kAnimals, {0, 3, 1});

  EXPECT_THAT(labels_of(*matched.source), ElementsAre(0, 3, 1));
  EXPECT_THAT(matched.notes, IsEmpty());
}

TEST(MatchClasses, APermutationIsMappedByName) {
  const MatchedSource matched = match({"doe", "cod", "bee", "ant"}, {0, 1, 2, 3});

  EXPECT_THAT(labels_of(*matched.source), ElementsAre(3, 2, 1, 0));
  EXPECT_EQ(matched.source->info().classes, kAnimals);
  EXPECT_THAT(matched.notes,
              ElementsAre(AllOf(HasSubstr("later.h5:test"), HasSubstr("\"doe\" is 0 there and was 3"),
                                HasSubstr("3 more"), HasSubstr("by name"))));
}

TEST(MatchClasses, AMappedFileThatIsRewrittenIsNoticed) {
  const MatchedSource matched = match({"doe", "cod", "bee", "ant"}, {0, 1, 2, 3});

  EXPECT_EQ(error_of([&] { matched.source->check_unchanged(); }), "somebody has written to it");
}

TEST(MatchClasses, APartIsMappedByName) {
  const MatchedSource matched = match({"bee", "cod", "doe"}, {0, 1, 2});

  EXPECT_THAT(labels_of(*matched.source), ElementsAre(1, 2, 3));
  EXPECT_EQ(matched.source->info().classes, kAnimals);
}

TEST(MatchClasses, AClassThatTheModelDoesNotKnowIsRefusedByName) {
  const std::string message = error_of([] { match({"ant", "coda", "emu", "doe"}, {0, 1, 2, 3}); });

  EXPECT_THAT(message, AllOf(HasSubstr("later.h5:test"), HasSubstr("\"coda\", \"emu\""),
                             HasSubstr("\"ant\", \"bee\", \"cod\", \"doe\""), HasSubstr("Is \"cod\" meant"),
                             HasSubstr("--allow-change data.classes")));
}

TEST(MatchClasses, AnUnknownClassWithoutSamplesHarmsNobody) {
  const MatchedSource matched = match({"emu", "doe", "ant"}, {2, 1, 1});

  EXPECT_THAT(labels_of(*matched.source), ElementsAre(0, 3, 3));
}

TEST(MatchClasses, NumbersWhereTheUserSaysSo) {
  const MatchedSource matched =
      match({"one", "two", "three", "four"}, {0, 3}, {kAnimals, {}, {}}, {.classes_by_number = true});

  EXPECT_THAT(labels_of(*matched.source), ElementsAre(0, 3));
  EXPECT_EQ(matched.source->info().classes, kAnimals);
}

TEST(MatchClasses, NumbersWhereOneSideHasNoNames) {
  const MatchedSource bare = match({}, {2, 0});
  EXPECT_THAT(labels_of(*bare.source), ElementsAre(2, 0));
  EXPECT_EQ(bare.source->info().classes, kAnimals);
  EXPECT_THAT(bare.notes,
              ElementsAre(HasSubstr("numbers of the model's outputs, since it names no classes")));

  const MatchedSource nameless = match(kAnimals, {2, 0}, {});
  EXPECT_THAT(labels_of(*nameless.source), ElementsAre(2, 0));
  EXPECT_EQ(nameless.source->info().classes, kAnimals);
  EXPECT_THAT(nameless.notes, ElementsAre(HasSubstr("the data of the training named no classes")));

  EXPECT_THAT(match({}, {2, 0}, {}).notes, IsEmpty());
}

TEST(MatchClasses, NamesThatAreNumbersSayNoMoreThanNumbers) {
  const DataSignature digits{{"0", "1", "2", "3"}, {}, {}};
  EXPECT_THAT(match({}, {2, 0}, digits).notes, IsEmpty());
  EXPECT_THAT(labels_of(*match(kAnimals, {3, 0}, digits).source), ElementsAre(3, 0));
  EXPECT_THAT(labels_of(*match({"1", "3"}, {0, 1}, digits).source),
              ElementsAre(1, 3));  // folders of some digits
  EXPECT_THAT(match({"0", "1"}, {0, 1}).notes, ElementsAre(HasSubstr("but by number")));
}

/// Label 0 is called "1": output 0 may be meant, or output 1.
TEST(MatchClasses, NamesThatAreOtherNumbersAreRefusedWhereTheOtherSideHasNone) {
  const DataSignature nameless;
  const MatchOptions ten{.outputs = 10};
  EXPECT_THAT(
      error_of([&] {
        match({"1", "0"}, {0, 1}, nameless, ten);
      }),
      AllOf(HasSubstr("later.h5:test: calls its classes by numbers"), HasSubstr("(0 is called \"1\")"),
            HasSubstr("those of the training named none"), HasSubstr("--allow-change data.classes")));
  EXPECT_THAT(
      error_of([&] {
        match({}, {0, 1}, {{"1", "0"}, {}, {}}, ten);
      }),
      AllOf(HasSubstr("the data of the training call their classes by numbers"), HasSubstr("it names none")));
  EXPECT_THAT(error_of([&] {
                match({"0", "2", "3"}, {0, 2}, nameless, ten);
              }),
              HasSubstr("2 is called \"3\""));

  // As the advice says.
  EXPECT_THAT(labels_of(*match({"1", "0"}, {0, 1}, nameless, {.classes_by_number = true}).source),
              ElementsAre(0, 1));
  EXPECT_EQ(error_of([&] { match({"0", "1"}, {0, 1}, nameless, ten); }), "");
}

TEST(MatchClasses, OtherNumbersThatCanMeanNoOutputAreNames) {
  const DataSignature nameless;
  const auto taken = ElementsAre(HasSubstr("numbers of the model's outputs"));
  EXPECT_THAT(match({"1", "2", "3"}, {0, 1, 2}, nameless, {.outputs = 3}).notes, taken) << "from 1";
  EXPECT_THAT(match({"1", "bee"}, {0, 1}, nameless, {.outputs = 3}).notes, taken);
  EXPECT_THAT(match({"01", "00"}, {0, 1}, nameless, {.outputs = 3}).notes, taken)
      << "not written as numbers are";
  EXPECT_EQ(error_of([&] { match({"0", "2"}, {0, 0}, nameless, {.outputs = 3}); }), "") << "no sample has it";
  EXPECT_EQ(error_of([&] {
              match({"1", "2"}, {0, 1}, nameless, {.outputs = 3, .first_label = 1});
            }),
            "")
      << "counted from 1 in the file";
}

TEST(MatchClasses, LabelsBeyondTheModelStayVisible) {
  const MatchedSource matched = match({}, {5, 0});

  EXPECT_EQ(matched.source->info().classes.size(), 6u);  // whoever opens it compares with the outputs
}

TEST(MatchClasses, WithoutLabelsOnlyTheModelsNamesCount) {
  const MatchedSource matched =
      match({"some", "thing", "else"}, {0, 0}, {kAnimals, {}, {}}, {.labelled = false});

  EXPECT_EQ(matched.source->info().classes, kAnimals);
  EXPECT_THAT(matched.notes, IsEmpty());
}

TEST(MatchClasses, ANameThatStandsTwiceCannotBeMeant) {
  EXPECT_THAT(error_of([] {
                match({"ant", "bee", "ant"}, {0, 1, 2});
              }),
              AllOf(HasSubstr("\"ant\" stands there twice (0 and 2"), HasSubstr("later.h5:test")));
  const Names twice{"ant", "bee", "ant"};
  EXPECT_THAT(labels_of(*match(twice, {2, 0}, {twice, {}, {}}).source), ElementsAre(2, 0));
}

TEST(MatchClasses, OddBytesAreComparedAsTheyAreAndShownEscaped) {
  const DataSignature model{{"caf\xe9", "th\x1b[31mee"}, {}, {}};

  EXPECT_THAT(labels_of(*match({"th\x1b[31mee", "caf\xe9"}, {0, 1}, model).source), ElementsAre(1, 0));
  EXPECT_THAT(error_of([&] { match({"caf\xc3\xa9"}, {0}, model); }),
              AllOf(HasSubstr("\"caf\\xe9\""), Not(HasSubstr("\x1b"))));
}

MatchedSource match_columns(const Names& model, const Names& own, const MatchOptions& options = {}) {
  const DataSignature signature{{}, {{"first", {}}, {"track", model}, {"last", {}}}, {}};
  return match_source(std::make_unique<ListedSource>(Names{}, std::vector<std::int32_t>{0, 0}, own),
                      signature, options);
}

/// Vectors of samples 1 and 0.
std::vector<float> vectors_of(SampleSource& source) {
  const std::vector<std::uint64_t> samples{1, 0};
  std::vector<std::byte> pixels(2);
  std::vector<std::int32_t> labels(2);
  std::vector<float> vectors(2 * static_cast<std::size_t>(total_length(source.info().vectors)));
  source.read(samples, {.pixels = pixels, .labels = labels, .vectors = vectors});
  EXPECT_THAT(pixels, ElementsAre(std::byte{1}, std::byte{0}));
  return vectors;
}

TEST(MatchColumns, APermutationIsMappedByName) {
  const MatchedSource matched = match_columns({"p", "x", "y"}, {"y", "p", "x"});

  EXPECT_THAT(vectors_of(*matched.source), ElementsAre(100, 102, 103, 101, 104, 0, 2, 3, 1, 4));
  EXPECT_THAT(matched.source->info().columns[1], ElementsAre("p", "x", "y"));
  EXPECT_THAT(matched.notes, ElementsAre(HasSubstr("the columns of the input track are taken by name")));
}

TEST(MatchColumns, ColumnsThatTheModelDoesNotReadAreLeftOut) {
  const MatchedSource matched = match_columns({"x", "p"}, {"y", "p", "x"});

  EXPECT_EQ(matched.source->info().vectors[1].length, 2);
  EXPECT_THAT(vectors_of(*matched.source), ElementsAre(100, 103, 102, 104, 0, 3, 2, 4));
}

TEST(MatchColumns, AMissingOneIsRefusedByName) {
  EXPECT_THAT(error_of([] {
                match_columns({"p", "x", "z"}, {"y", "p", "x"});
              }),
              AllOf(HasSubstr("later.h5:test"), HasSubstr("input track"), HasSubstr("trained on: \"z\""),
                    HasSubstr("\"y\", \"p\", \"x\""), HasSubstr("--allow-change data.columns")));
}

TEST(MatchColumns, StandAsTheyAreWhereTheUserSaysSoOrNamesAreMissing) {
  EXPECT_THAT(vectors_of(*match_columns({"p", "x", "y"}, {"y", "p", "x"}, {.columns_by_place = true}).source),
              ElementsAre(100, 101, 102, 103, 104, 0, 1, 2, 3, 4));
  EXPECT_THAT(match_columns({"p", "x", "y"}, {}).notes,
              ElementsAre(HasSubstr("since the file gives them no names")));
  EXPECT_THAT(match_columns({}, {"p", "x", "y"}).notes,
              ElementsAre(HasSubstr("since in training they had no names")));
  EXPECT_THAT(match_columns({"p", "x", "y"}, {"p", "x", "y"}).notes, IsEmpty());
}

/// Flat samples of three values: a hundred times the number, plus the place.
class FlatSource final : public SampleSource {
 public:
  FlatSource(Names names, PixelType type) {
    info_ = {.name = "later.h5:test", .samples = 2, .shape = {1, 1, 3, true}, .pixels = type};
    info_.classes = {"0"};
    info_.numbered = true;
    info_.value_names = std::move(names);
  }
  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }
  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    EXPECT_EQ(buffers.pixels.size(), samples.size() * 3 * size_of(info_.pixels));
    for (std::size_t i = 0; i < samples.size() * 3; ++i) {
      const std::uint64_t value = 100 * samples[i / 3] + i % 3;
      if (info_.pixels == PixelType::uint8)
        buffers.pixels[i] = static_cast<std::byte>(value);
      else
        reinterpret_cast<float*>(buffers.pixels.data())[i] = static_cast<float>(value);
    }
    std::ranges::fill(buffers.labels, 0);
  }

 private:
  SourceInfo info_;
};

MatchedSource match_flat(const Names& model, const Names& own, PixelType type = PixelType::float32,
                         const MatchOptions& options = {}) {
  DataSignature signature;
  if (!model.empty()) signature.vectors = {{kFlatSamples, model}};
  return match_source(std::make_unique<FlatSource>(own, type), signature, options);
}

template <class Value>
std::vector<Value> flat_values(SampleSource& source) {
  const std::vector<std::uint64_t> samples{1, 0};
  std::vector<Value> values(2 * static_cast<std::size_t>(source.info().shape.size()));
  std::vector<std::int32_t> labels(2);
  source.read(samples, {.pixels = std::as_writable_bytes(std::span(values)), .labels = labels});
  return values;
}

TEST(MatchFlatSamples, APermutationIsMappedByName) {
  const MatchedSource matched = match_flat({"p", "x", "y"}, {"y", "p", "x"});

  EXPECT_THAT(flat_values<float>(*matched.source), ElementsAre(101, 102, 100, 1, 2, 0));
  EXPECT_THAT(matched.source->info().value_names, ElementsAre("p", "x", "y"));
  EXPECT_THAT(matched.notes, ElementsAre(HasSubstr("the columns of the flat vectors are taken by name")));
  EXPECT_THAT(value_names(signature_of(matched.source->info(), 1)), ElementsAre("p", "x", "y"));
  const MatchedSource bytes = match_flat({"p", "x", "y"}, {"y", "p", "x"}, PixelType::uint8);
  EXPECT_THAT(flat_values<std::uint8_t>(*bytes.source), ElementsAre(101, 102, 100, 1, 2, 0));
}

TEST(MatchFlatSamples, ColumnsThatTheModelDoesNotReadAreLeftOut) {
  const MatchedSource matched = match_flat({"x", "p"}, {"y", "p", "x"});

  EXPECT_EQ(matched.source->info().shape, (SampleShape{1, 1, 2, true}));
  EXPECT_THAT(flat_values<float>(*matched.source), ElementsAre(102, 101, 2, 1));
}

TEST(MatchFlatSamples, AMissingColumnIsRefusedByName) {
  EXPECT_THAT(
      error_of([] {
        match_flat({"p", "x", "z"}, {"y", "p", "x"});
      }),
      AllOf(HasSubstr("later.h5:test: lacks columns of the flat vectors"), HasSubstr("trained on: \"z\""),
            HasSubstr("data.images"), HasSubstr("--allow-change data.columns")));
  EXPECT_THAT(error_of([] {
                match_flat({"p", "p", "x"}, {"y", "p", "x"});
              }),
              HasSubstr("\"p\" stands there twice"));
}

TEST(MatchFlatSamples, StandAsTheyAreWhereTheUserSaysSoOrNamesAreMissing) {
  const MatchedSource placed =
      match_flat({"p", "x", "y"}, {"y", "p", "x"}, PixelType::float32, {.columns_by_place = true});
  EXPECT_THAT(flat_values<float>(*placed.source), ElementsAre(100, 101, 102, 0, 1, 2));
  EXPECT_THAT(match_flat({"p", "x", "y"}, {}).notes,
              ElementsAre(HasSubstr("since the file gives them no names")));
  const MatchedSource older = match_flat({}, {"y", "p", "x"});
  EXPECT_THAT(older.notes, ElementsAre(HasSubstr("since in training they had no names")));
  EXPECT_THAT(flat_values<float>(*older.source), ElementsAre(100, 101, 102, 0, 1, 2));
  EXPECT_THAT(match_flat({"p", "x", "y"}, {"p", "x", "y"}).notes, IsEmpty());
  EXPECT_THAT(match_flat({}, {}).notes, IsEmpty());
}

TEST(MatchForm, ImagesThatWereMadeOtherwiseAreRefused) {
  DataSignature model{.classes = kAnimals, .vectors = {}, .pixels = {}, .form = "window scaled"};

  EXPECT_THAT(error_of([&] { match(kAnimals, {0}, model); }),
              AllOf(HasSubstr("later.h5:test"), HasSubstr("window fixed; there window scaled"),
                    HasSubstr("--allow-change data.pixels")));
  EXPECT_EQ(error_of([&] { match(kAnimals, {0}, model, {.any_form = true}); }), "");
  model.form = "window fixed";
  EXPECT_EQ(error_of([&] { match(kAnimals, {0}, model); }), "");
  model.form = "";
  EXPECT_EQ(error_of([&] { match(kAnimals, {0}, model); }), "");
}

}  // namespace
}  // namespace annulus::io
