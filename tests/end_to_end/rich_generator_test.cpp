// Training on simulated tracks that never end: the same bits on any number of ranks, and when it goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Two RICHes in small images, and track features.
constexpr const char* kConfig = R"(name: endless
seed: 3
epochs: 4
data:
  generator: rich
  rich: {tracks: 4, size: 12, samples: 200, validation_samples: 96, test_samples: 128}
  inputs: {track: track_features}
network:
  inputs: {image: [12, 12, 2], track: [31]}
  layers:
    - conv2d: {filters: 4, kernel: 3, activation: relu}
    - flatten
    - concat: {inputs: [flatten, track]}
    - dense: {units: 6, activation: softmax}
batch: {size: 32, shards: 4}
optimizer: {kind: adam}
)";

class RichGenerator : public testing::Test {
 protected:
  RichGenerator() { std::ofstream(place_.path("endless.yaml")) << kConfig; }

  Outcome train(const std::string& run, const std::vector<std::string>& more = {}, int ranks = 0) const {
    std::vector<std::string> words{"train", "endless.yaml", "--run", run};
    words.insert(words.end(), more.begin(), more.end());
    return place_.run(words, ranks);
  }

  const Workplace place_{12};
};

TEST_F(RichGenerator, TrainsWithTheSameBitsOnAnyRanksAndThreads) {
  const Outcome one = train("one");
  ASSERT_EQ(one.code, 0) << one.output;
  ASSERT_EQ(train("two", {"data.loader_threads=3"}, 2).code, 0);
  ASSERT_EQ(train("four", {}, 4).code, 0);

  EXPECT_THAT(one.output,
              AllOf(HasSubstr("224 training images in the simulation"), HasSubstr("Done: 28 steps")));
  EXPECT_EQ(place_.state_hash("two"), place_.state_hash("one"));
  EXPECT_EQ(place_.state_hash("four"), place_.state_hash("one"));
}

TEST_F(RichGenerator, GoesOnWhereItStopped) {
  ASSERT_EQ(train("whole").code, 0);

  ASSERT_EQ(train("parts", {"epochs=1"}, 2).code, 0);
  ASSERT_EQ(train("parts", {"epochs=2.5"}).code, 0);
  const Outcome last = train("parts", {"data.loader_threads=2"}, 4);

  EXPECT_THAT(last.output, HasSubstr("resumed in parts"));
  EXPECT_EQ(place_.state_hash("parts"), place_.state_hash("whole"));
}

TEST_F(RichGenerator,
       EpochsHaveSamplesOfTheirOwn) {  // guards the tests above against a source that stands still
  ASSERT_EQ(train("one", {"epochs=1"}).code, 0);
  ASSERT_EQ(train("other", {"epochs=1", "data.rich.seed=4"}).code, 0);

  EXPECT_NE(place_.state_hash("one"), place_.state_hash("other"));
}

TEST_F(RichGenerator, IsEvaluatedOnTracksOfItsOwn) {
  ASSERT_EQ(train("run").code, 0);

  const Outcome test = place_.run({"evaluate", "run"});
  const Outcome ranks = place_.run({"evaluate", "run"}, 2);
  const Outcome validation = place_.run({"evaluate", "run", "--split", "validation"});
  const Outcome training = place_.run({"evaluate", "run", "--split", "train"});

  EXPECT_EQ(test.code, 0) << test.output;
  EXPECT_THAT(test.output, HasSubstr("samples 128 (each counted once)"));
  EXPECT_THAT(ranks.output, HasSubstr("samples 128 (each counted once)"));
  EXPECT_THAT(validation.output, HasSubstr("samples 96 (each counted once)"));
  EXPECT_EQ(training.code, 2);
  EXPECT_THAT(training.output, HasSubstr("Choose 'validation' or 'test'"));
}

TEST_F(RichGenerator, ValidatesOnAFileWhenThereIsOne) {
  ASSERT_EQ(place_.run({"rich", "simulate", "tracks=4", "--events", "60", "--output", "events.h5"}).code, 0);
  ASSERT_EQ(place_.run({"rich", "images", "events.h5", "--size", "12", "--output", "images.h5"}).code, 0);

  const Outcome trained = train("run", {"data.path=images.h5", "epochs=1"});
  const Outcome predicted = place_.run({"predict", "run", "--input", "images.h5", "--output", "named.h5"});
  const Outcome evaluated = place_.run({"evaluate", "run"});

  EXPECT_EQ(trained.code, 0) << trained.output;
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_THAT(evaluated.output, Not(HasSubstr("samples 128")));
}

TEST_F(RichGenerator, MistakesAreNamed) {
  const Outcome key = train("a", {"data.rich.trakcs=3"});
  const Outcome value = train("b", {"data.rich.window=wide"});
  const Outcome generator = train("c", {"data.generator=rihc"});
  const Outcome shape = train("d", {"data.rich.size=16"});
  const Outcome vector = train("e", {"data.inputs.track=momentum"});
  const Outcome limit = train("f", {"data.limit=10"});
  const Outcome none = train("g", {"data.rich.tracks=0"});

  EXPECT_THAT(key.output, AllOf(HasSubstr("data.rich"), HasSubstr("Did you mean tracks?")));
  EXPECT_THAT(value.output, AllOf(HasSubstr("window"), HasSubstr("fixed, scaled")));
  EXPECT_THAT(generator.output, HasSubstr("there is only the generator 'rich'"));
  EXPECT_THAT(shape.output, HasSubstr("images of shape (16, 16, 2)"));
  EXPECT_THAT(vector.output, HasSubstr("Write track: track_features"));
  EXPECT_THAT(limit.output, HasSubstr("data.limit"));
  EXPECT_THAT(none.output, HasSubstr("number of tracks is 0"));
  for (const Outcome& outcome : {key, value, generator, shape, vector, limit, none})
    EXPECT_EQ(outcome.code, 2) << outcome.output;
}

}  // namespace
}  // namespace annulus::test
