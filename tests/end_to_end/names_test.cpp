// What the numbers of other data mean to a model: classes and columns by name, pixels by their scale, on
// evaluate, predict and when a run goes on; and a checkpoint that is all there is.
#include <gmock/gmock.h>

#include <array>
#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;

using Names = std::vector<std::string>;

constexpr const char* kConfig = R"(
name: animals
seed: 3
epochs: 4
data:
  path: toy.h5
  inputs: {track: track}
normalisation: {kind: per_feature, rescale: 1/255}
network:
  inputs: {image: [4, 4, 1], track: [3]}
  layers:
    - flatten: {input: image, name: flat}
    - concat: {inputs: [flat, track]}
    - dense: 4
    - softmax
batch: {size: 32, shards: 4}
optimizer: {learning_rate: 0.1, momentum: 0.9}
device: {kind: cpu}
)";

/// What a file of animals is like.
struct Animals {
  Names names{"ant", "bee", "cod", "doe"};           ///< empty: no attribute
  std::array<std::int32_t, 4> label_of{0, 1, 2, 3};  ///< of ant, bee, cod and doe; -1: none of them
  bool labelled = true;
  float scale = 0;  ///< 0: uint8, else float32 of so much per unit
  Names columns{"legs", "one", "noise"};
  std::uint64_t samples = 64;
};

int pixel(std::uint64_t animal, std::uint64_t place, std::uint64_t sample) {
  return 40 + static_cast<int>((animal * 7 + place * 5 + animal * place * 3) % 11 * 18 + sample * 31 % 9);
}

void write_group(io::Hdf5File& file, const std::string& group, const Animals& like) {
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats, track;
  std::vector<std::int32_t> labels;
  for (std::uint64_t sample = 0; sample < like.samples; ++sample) {
    const std::uint64_t animal = sample % 4;
    if (like.label_of[animal] < 0) continue;
    labels.push_back(like.label_of[animal]);
    for (std::uint64_t place = 0; place < 16; ++place) {
      bytes.push_back(static_cast<std::uint8_t>(pixel(animal, place, sample)));
      floats.push_back(like.scale * static_cast<float>(bytes.back()));
    }
    const auto noise = static_cast<float>(sample * 7919 % 101) / 50.0f - 1;
    for (const std::string name : {"legs", "one", "noise"}) {
      const auto at = std::ranges::find(like.columns, name) - like.columns.begin();
      track.resize(labels.size() * 3);
      const float value = name == "legs" ? static_cast<float>(animal) - 1.5f : name == "one" ? 1 : noise;
      track[(labels.size() - 1) * 3 + static_cast<std::size_t>(at)] = value;
    }
  }
  const auto rows = static_cast<std::int64_t>(labels.size());
  if (like.scale == 0)
    file.write(group + "/images", {rows, 4, 4, 1}, std::span<const std::uint8_t>(bytes));
  else
    file.write(group + "/images", {rows, 4, 4, 1}, std::span<const float>(floats));
  if (like.labelled) file.write(group + "/labels", {rows}, std::span<const std::int32_t>(labels));
  file.write(group + "/track", {rows, 3}, std::span<const float>(track));
  file.set_attribute(group + "/track", "columns", like.columns);
}

class NamesOfAModel : public testing::Test {
 protected:
  NamesOfAModel() {
    std::ofstream(place_.path("animals.yaml")) << kConfig;
    write("toy.h5", {}, {"train", "validation", "test"});
    EXPECT_EQ(place_.run({"train", "animals.yaml", "--run", "run"}).code, 0);
  }

  void write(const std::string& name, const Animals& like, const Names& groups = {"test"}) const {
    io::Hdf5File file = io::Hdf5File::create(place_.path(name).string(), io::Existing::replace);
    if (!like.names.empty()) file.set_attribute("/", "classes", like.names);
    for (const std::string& group : groups) write_group(file, group, like);
    file.close();
  }

  Outcome evaluate(const Names& more, int ranks = 0) const {
    Names words{"evaluate", "run"};
    words.insert(words.end(), more.begin(), more.end());
    return place_.run(words, ranks);
  }
  Outcome evaluate_file(const std::string& name, const Animals& like, const Names& more = {}) const {
    write(name, like);
    Names words{"data.path=" + name};
    words.insert(words.end(), more.begin(), more.end());
    return evaluate(words);
  }
  Outcome predict(const std::string& name, const Names& more = {}) const {
    Names words{"predict", "run", "--input", name, "--output", "out.h5", "--replace"};
    words.insert(words.end(), more.begin(), more.end());
    return place_.run(words);
  }
  io::Hdf5File predictions() const { return io::Hdf5File::open(place_.path("out.h5").string()); }

  Workplace place_{32};
};

constexpr const char* kPerfect = "accuracy 1.0000";

TEST_F(NamesOfAModel, APartOfTheClassesIsMappedByName) {
  const Outcome outcome =
      evaluate_file("later.h5", {.names = {"bee", "cod", "doe"}, .label_of = {-1, 0, 1, 2}});

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr(kPerfect), HasSubstr("are taken by name"),
                                    testing::ContainsRegex("ant +no samples")));
}

TEST_F(NamesOfAModel, APermutationIsMappedByNameOnAllRanks) {
  write("turned.h5", {.names = {"doe", "cod", "bee", "ant"}, .label_of = {3, 2, 1, 0}});

  const Outcome outcome = evaluate({"data.path=turned.h5", "--json"}, 2);

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("\"accuracy\":1.0"), HasSubstr(R"("classes":["ant","bee","cod","doe"])"),
                    HasSubstr("[[16,0,0,0],[0,16,0,0],[0,0,16,0],[0,0,0,16]]")));
}

TEST_F(NamesOfAModel, AnUnknownClassIsRefusedByNameOnAllRanks) {
  write("emu.h5", {.names = {"ant", "bee", "emu", "doe"}});

  const Outcome outcome = evaluate({"data.path=emu.h5"}, 2);
  const Outcome allowed = evaluate({"data.path=emu.h5", "--allow-change", "data.classes"});
  const Outcome misspelt = evaluate({"data.path=emu.h5", "--allow-change", "data.class"});

  EXPECT_EQ(outcome.code, 65);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("emu.h5:test"), HasSubstr("\"emu\""), HasSubstr("\"cod\"")));
  EXPECT_EQ(allowed.code, 0) << allowed.output;
  EXPECT_THAT(allowed.output, HasSubstr(kPerfect));
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_THAT(misspelt.output, HasSubstr("data.classes"));
  EXPECT_EQ(predict("emu.h5").code, 65);
  EXPECT_EQ(predict("emu.h5", {"data.labels=none"}).code, 0);  // as the message advises
}

TEST_F(NamesOfAModel, NumbersThatTheModelHasNoOutputForAreRefused) {
  const Outcome outcome = evaluate_file("numbers.h5", {.names = {}, .label_of = {1, 2, 3, 4}});

  EXPECT_EQ(outcome.code, 65);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("numbers.h5:test"), HasSubstr("labels up to 4"),
                                    HasSubstr("4 outputs"), HasSubstr("set data.first_label=1")));
}

TEST_F(NamesOfAModel, EveryPredictionCarriesTheModelsNames) {
  const Names model{"ant", "bee", "cod", "doe"};
  const Animals turned{.names = {"doe", "cod", "bee", "ant"}, .label_of = {3, 2, 1, 0}};
  const Animals bare{.names = {}, .labelled = false};
  const Animals strange{.names = {"some", "thing"}, .labelled = false};
  for (const Animals& like : {turned, bare, strange}) {
    write("input.h5", like);

    const Outcome outcome = predict("input.h5");

    ASSERT_EQ(outcome.code, 0) << outcome.output;
    const io::Hdf5File file = predictions();
    EXPECT_EQ(file.strings_attribute("/", "classes"), model);
    const auto answers = file.read<std::int32_t>("predictions");
    ASSERT_EQ(answers.size(), 64u);
    for (std::size_t i = 0; i < answers.size(); ++i) ASSERT_EQ(answers[i], static_cast<int>(i % 4)) << i;
    if (like.labelled) {
      EXPECT_EQ(file.read<std::int32_t>("labels"), answers);
    }
  }
}

TEST_F(NamesOfAModel, ColumnsAreTakenByName) {
  const Outcome moved = evaluate_file("moved.h5", {.columns = {"noise", "legs", "one"}});
  EXPECT_EQ(moved.code, 0) << moved.output;
  EXPECT_THAT(moved.output,
              AllOf(HasSubstr(kPerfect), HasSubstr("columns of the input track are taken by name")));

  write("other.h5", {});
  io::Hdf5File file = io::Hdf5File::open_to_change(place_.path("other.h5").string());
  file.set_attribute("test/track", "columns", Names{"legs", "two", "noise"});
  file.close();
  const Outcome other = evaluate({"data.path=other.h5"});
  EXPECT_EQ(other.code, 65);
  EXPECT_THAT(other.output, AllOf(HasSubstr("input track"), HasSubstr("\"one\"")));
  EXPECT_THAT(evaluate({"data.path=other.h5", "--allow-change", "data.columns"}).output, HasSubstr(kPerfect));
}

TEST_F(NamesOfAModel, AnotherScaleOfThePixelsIsRefusedAndTheAdviceWorks) {
  const Outcome refused = evaluate_file("scaled.h5", {.scale = 1.0f / 255});
  const Outcome advised = evaluate({"data.path=scaled.h5", "normalisation.rescale=1"});
  const Outcome allowed = evaluate({"data.path=scaled.h5", "--allow-change", "data.pixels"});

  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("scaled.h5:test"), HasSubstr("float32"), HasSubstr("uint8"),
                                    HasSubstr("add normalisation.rescale=1;")));
  EXPECT_EQ(advised.code, 0) << advised.output;
  EXPECT_THAT(advised.output, HasSubstr(kPerfect));
  EXPECT_EQ(allowed.code, 0);
  EXPECT_THAT(allowed.output, HasSubstr("warning"));
  EXPECT_EQ(predict("scaled.h5").code, 65);
  EXPECT_THAT(evaluate_file("floats.h5", {.scale = 1}).output, HasSubstr(kPerfect));
}

TEST_F(NamesOfAModel, ARunDoesNotGoOnWithOtherNames) {
  write("toy.h5", {.names = {"doe", "cod", "bee", "ant"}}, {"train", "validation", "test"});

  const Outcome refused = place_.run({"train", "animals.yaml", "--run", "run", "epochs=5"});
  const Outcome allowed =
      place_.run({"train", "animals.yaml", "--run", "run", "epochs=5", "--allow-change", "data.classes"});

  EXPECT_EQ(refused.code, 2) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("\"doe\" is 0 there and was 3"), HasSubstr("data.content")));
  EXPECT_EQ(allowed.code, 0) << allowed.output;
  // The newest checkpoint has the new names; the best, if it is older, those under which it was trained.
  EXPECT_THAT(evaluate({"data.path=toy.h5", "--checkpoint", "run/checkpoints/latest"}).output,
              HasSubstr(kPerfect));
}

/// Imported again, its classes in another order: the same training.
TEST_F(NamesOfAModel, ARunGoesOnWhereNamesAndLabelsHaveMovedTogether) {
  ASSERT_EQ(place_.run({"train", "animals.yaml", "--run", "whole", "epochs=5"}).code, 0);
  write("toy.h5", {.names = {"doe", "cod", "bee", "ant"}, .label_of = {3, 2, 1, 0}},
        {"train", "validation", "test"});

  const Outcome outcome = place_.run({"train", "animals.yaml", "--run", "run", "epochs=5"}, 2);

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(place_.state_hash("run"), place_.state_hash("whole"));
}

/// As a start on other data leaves it: their mean in the run's config, and the best model from before.
TEST_F(NamesOfAModel, ARunIsJudgedWithTheMeanThatItsCheckpointWasTrainedWith) {
  std::ifstream stored(place_.path("run/config.yaml"));
  std::string config{std::istreambuf_iterator<char>(stored), {}};
  const std::size_t mean = config.find("mean: [");
  ASSERT_NE(mean, std::string::npos);
  config.insert(mean + 7, "99");
  std::ofstream(place_.path("run/config.yaml")) << config;

  const Outcome outcome = evaluate({});

  EXPECT_THAT(outcome.output, HasSubstr(kPerfect));
}

TEST_F(NamesOfAModel, ACheckpointIsCompleteByItself) {
  std::filesystem::copy_file(place_.path("run/checkpoints/best"), place_.path("model.h5"));
  std::filesystem::remove_all(place_.path("run"));

  const Outcome with_config = place_.run({"evaluate", "animals.yaml", "--checkpoint", "model.h5"});
  std::filesystem::remove(place_.path("animals.yaml"));
  const Outcome alone = place_.run({"evaluate", "model.h5", "data.path=toy.h5"}, 2);
  const Outcome predicted = place_.run({"predict", "model.h5", "--input", "toy.h5", "--output", "out.h5"});
  const Outcome no_model = place_.run({"evaluate", "toy.h5"});

  EXPECT_THAT(with_config.output, HasSubstr(kPerfect));
  EXPECT_THAT(alone.output, HasSubstr(kPerfect));
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  EXPECT_THAT(predictions().strings_attribute("/", "classes"), ElementsAre("ant", "bee", "cod", "doe"));
  EXPECT_EQ(no_model.code, 65);
  EXPECT_THAT(no_model.output, HasSubstr("toy.h5"));
}

}  // namespace
}  // namespace annulus::test
