// annulus rich table as its users call it: for predictions and for runs, with the likelihood and without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/planted_predictions.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

class RichTable : public testing::Test {
 protected:
  RichTable() {
    const Outcome outcome = place_.run(
        {"rich", "simulate", "tracks=8", "--events", "40", "--seed", "2", "--output", "events.h5"});
    EXPECT_EQ(outcome.code, 0) << outcome.output;
  }

  void reconstruct() const {
    const Outcome outcome = place_.run({"rich", "reconstruct", "events.h5"});
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }

  /// A dataset of tiny images of the same tracks: its pixels tell pions from the rest.
  void plant_images() const {
    const PlantedPredictions planted(path("events.h5"));
    io::Hdf5File file = io::Hdf5File::create(path("images.h5"));
    const auto rows = static_cast<std::int64_t>(planted.labels.size());
    std::vector<std::uint8_t> images;
    for (const std::int32_t label : planted.labels) images.insert(images.end(), 16, label == 2 ? 200 : 0);
    for (const std::string group : {"train", "test"}) {
      file.write(group + "/images", {rows, 4, 4, 1}, std::span<const std::uint8_t>(images));
      file.write(group + "/labels", {rows}, std::span<const std::int32_t>(planted.labels));
      file.write(group + "/track", {rows}, std::span<const std::uint64_t>(planted.track));
      file.write(group + "/momentum", {rows}, std::span<const float>(planted.momentum));
    }
    file.set_attribute("/", "classes", planted.classes);
    file.close();
  }

  void train() const {
    std::ofstream(path("tiny.yaml")) << "name: tiny\n"
                                        "seed: 3\n"
                                        "epochs: 2\n"
                                        "data: {path: images.h5}\n"
                                        "network:\n"
                                        "  input: [4, 4, 1]\n"
                                        "  layers:\n"
                                        "    - flatten\n"
                                        "    - dense: {units: 6, activation: softmax}\n"
                                        "batch: {size: 16, shards: 2}\n"
                                        "optimizer: {kind: sgd, learning_rate: 0.1}\n";
    const Outcome outcome = place_.run({"train", "tiny.yaml", "--run", "run"});
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }

  std::string path(const std::string& name) const { return place_.path(name).string(); }

  static nlohmann::json json_in(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return nlohmann::json::parse(outcome.output.substr(outcome.output.find('{')));
  }

  const Workplace place_{12};
};

TEST_F(RichTable, NetworkAloneSaysHowToGetTheLikelihood) {
  PlantedPredictions(path("events.h5")).write(path("predictions.h5"));

  const Outcome outcome = place_.run({"rich", "table", "predictions.h5"});

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("efficiency, % of true tracks"),
                                    HasSubstr("annulus rich reconstruct"), Not(HasSubstr("largest DLL"))));
}

TEST_F(RichTable, LikelihoodStandsBesideTheNetwork) {
  reconstruct();
  const PlantedPredictions planted(path("events.h5"));
  planted.write(path("predictions.h5"));

  const Outcome text = place_.run({"rich", "table", "predictions.h5"});
  const Outcome lecture = place_.run({"rich", "table", "predictions.h5", "--style", "lecture"});
  const auto json = json_in(place_.run({"rich", "table", "predictions.h5", "--json"}));

  EXPECT_THAT(text.output, HasSubstr("network         likelihood        largest DLL"));
  EXPECT_THAT(lecture.output, AllOf(HasSubstr("% purity"), HasSubstr("K->K,Pr,D"), HasSubstr("likelihood:"),
                                    HasSubstr("lecture's words")));
  const auto tracks = planted.labels.size();
  EXPECT_EQ(json["tracks"], tracks);
  EXPECT_EQ(json["classes"][3], "kaon");
  ASSERT_EQ(json["methods"].size(), 3u);
  EXPECT_EQ(json["methods"][0]["overall"]["value"],
            static_cast<double>(tracks - tracks / 4) / static_cast<double>(tracks));
  EXPECT_GT(json["methods"][1]["overall"]["value"], 0.8);  // eight tracks per event are easy
  EXPECT_TRUE(json["methods"][2]["loss"].is_null());
}

TEST_F(RichTable, RunsAreEvaluatedAsTheirPredictionsAre) {
  reconstruct();
  plant_images();
  train();
  ASSERT_EQ(place_.run({"predict", "run", "--input", "images.h5", "--output", "out.h5"}).code, 0);
  const Words run{"rich", "table", "run", "--json", "--events", "events.h5"};

  const auto of_run = json_in(place_.run(run));
  const auto of_two = json_in(place_.run(run, 2));
  const auto of_file = json_in(place_.run({"rich", "table", "out.h5", "--json", "--events", "events.h5"}));

  EXPECT_EQ(of_run["methods"], of_file["methods"]);
  EXPECT_EQ(of_run["methods"], of_two["methods"]);
  // Trained or not, pions have another picture than all others.
  EXPECT_EQ(of_run["methods"].size(), 3u);
  const io::Hdf5File out = io::Hdf5File::open(path("out.h5"));
  EXPECT_EQ(out.read<std::uint64_t>("track"), PlantedPredictions(path("events.h5")).track);
  EXPECT_EQ(out.read<float>("momentum"), PlantedPredictions(path("events.h5")).momentum);
  EXPECT_EQ(out.string_attribute("/", "split"), "test");
}

TEST_F(RichTable, RunsWithoutAFileNeedTracks) {
  std::ofstream(path("endless.yaml"))
      << "name: endless\n"
         "epochs: 1\n"
         "data:\n"
         "  generator: rich\n"
         "  rich: {tracks: 4, samples: 64, validation_samples: 32, test_samples: 32}\n"
         "network:\n"
         "  input: [32, 32, 2]\n"
         "  layers:\n"
         "    - max_pool: 8\n"
         "    - flatten\n"
         "    - dense: {units: 6, activation: softmax}\n"
         "batch: {size: 16, shards: 2}\n"
         "optimizer: {kind: sgd, learning_rate: 0.1}\n";
  const Outcome trained = place_.run({"train", "endless.yaml", "--run", "endless"});
  ASSERT_EQ(trained.code, 0) << trained.output;

  const Outcome alone = place_.run({"rich", "table", "endless"});
  const Outcome file = place_.run({"rich", "table", "endless", "data.path=events.h5"});

  EXPECT_EQ(alone.code, 2) << alone.output;
  EXPECT_THAT(alone.output, HasSubstr("add data.path=events.h5"));
  EXPECT_EQ(file.code, 0) << file.output;
}

TEST_F(RichTable, BadWordsAndFilesAreRefused) {
  PlantedPredictions(path("events.h5")).write(path("predictions.h5"));
  PlantedPredictions(path("events.h5")).write(path("lost.h5"), "track");

  const Outcome prior = place_.run({"rich", "table", "predictions.h5", "--prior", "flet"});
  const Outcome style = place_.run({"rich", "table", "predictions.h5", "--style", "fancy"});
  const Outcome split = place_.run({"rich", "table", "predictions.h5", "--split", "train"});
  const Outcome missing = place_.run({"rich", "table", "nothing"});
  const Outcome lost = place_.run({"rich", "table", "lost.h5"}, 2);
  const Outcome events = place_.run({"rich", "table", "events.h5"});

  EXPECT_EQ(prior.code, 2);
  EXPECT_THAT(prior.output, HasSubstr("'flet' is not a prior"));
  EXPECT_EQ(style.code, 2);
  EXPECT_EQ(split.code, 2);
  EXPECT_THAT(split.output, HasSubstr("Leave out --checkpoint, --split"));
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.output, HasSubstr("'nothing' does not exist"));
  EXPECT_EQ(lost.code, 65);
  EXPECT_THAT(lost.output, HasSubstr("has no `track`"));
  EXPECT_EQ(events.code, 65);
  EXPECT_THAT(events.output, HasSubstr("holds no predictions"));
}

}  // namespace
}  // namespace annulus::test
