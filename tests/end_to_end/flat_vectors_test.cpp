// A perceptron on flat vectors, from a text file to predictions; fixed filters; and what the program says of
// windows that leave pixels over.
#include <gmock/gmock.h>

#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Above or below a plane, in values of very different size.
void write_points(const std::filesystem::path& path) {
  std::ofstream file(path);
  file << "x1,x2,x3,class\n";
  for (int i = 0; i < 400; ++i) {
    const int a = i * 7919 % 101, b = i * 104729 % 103, c = i * 1299709 % 97;
    file << a * 1000 << ',' << b * 0.01 << ',' << c << ',' << (a + b > c + 50 ? "above" : "below") << '\n';
  }
}

constexpr const char* kPerceptron = R"(
name: perceptron
epochs: 12
data: {path: points.h5}
normalisation: {kind: per_feature}
network:
  input: [3]
  layers:
    - dense: 2
    - softmax
optimizer: {learning_rate: 0.5, momentum: 0.9}
batch: {size: 32, shards: 4}
)";

class FlatVectors : public testing::Test {
 protected:
  FlatVectors() {
    write_points(place_.path("points.csv"));
    std::ofstream(place_.path("perceptron.yaml")) << kPerceptron;
    const Outcome imported = place_.run(
        {"data", "import", "table", "points.csv", "--output", "points.h5", "--test-fraction", "0.25"});
    EXPECT_EQ(imported.code, 0) << imported.output;
    EXPECT_THAT(imported.output, HasSubstr("train: 300 vectors of 3 values, read as float32"));
  }

  double accuracy(const std::string& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"evaluate", run, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome evaluated = place_.run(words);
    EXPECT_EQ(evaluated.code, 0) << evaluated.output;
    return nlohmann::json::parse(evaluated.output.substr(evaluated.output.find("\n{") + 1))["accuracy"];
  }

  Workplace place_{60};
};

TEST_F(FlatVectors, APerceptronLearnsAndPredicts) {
  const Outcome trained = place_.run({"train", "perceptron.yaml", "--run", "run"});
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(trained.output, HasSubstr("300 training vectors in points.h5:train"));

  EXPECT_GT(accuracy("run"), 0.95);
  const Outcome predicted = place_.run({"predict", "run", "--input", "points.h5", "--output", "out.h5"}, 2);
  ASSERT_EQ(predicted.code, 0) << predicted.output;
  const io::Hdf5File file = io::Hdf5File::open(place_.path("out.h5").string());
  EXPECT_EQ(file.dataset("probabilities").info().extents, (Extents{100, 2}));
}

TEST_F(FlatVectors, SameBitsOnTwoRanks) {
  ASSERT_EQ(place_.run({"train", "perceptron.yaml", "--run", "one", "epochs=2"}).code, 0);
  ASSERT_EQ(place_.run({"train", "perceptron.yaml", "--run", "two", "epochs=2"}, 2).code, 0);
  ASSERT_EQ(place_.run({"train", "perceptron.yaml", "--run", "other", "epochs=2", "seed=2"}).code, 0);

  EXPECT_EQ(place_.state_hash("two"), place_.state_hash("one"));
  EXPECT_NE(place_.state_hash("other"), place_.state_hash("one"));  // guards the comparison above
}

TEST_F(FlatVectors, ImagesAndVectorsAreNotMixedUp) {
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"train", "perceptron.yaml", "--run", "bad"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = place_.run(words);
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    return outcome.output;
  };

  EXPECT_THAT(train({"data.path=data.h5"}),
              AllOf(HasSubstr("holds images of shape (32, 32, 3), but network.input is [3]"),
                    HasSubstr("Set network.input to [32, 32, 3] and begin the layers with flatten")));
  EXPECT_THAT(train({"network.input=[1, 3, 1]", "network.layers=[flatten, {dense: 2}, softmax]"}),
              AllOf(HasSubstr("holds flat vectors of shape (3), but network.input is [1, 3, 1]"),
                    HasSubstr("Set network.input to [3]")));
  EXPECT_THAT(train({"network.input=[5]"}), HasSubstr("holds 3 values per sample, but network.input is [5]"));
  EXPECT_THAT(train({"augmentation.horizontal_flip=true"}), HasSubstr("a flat vector of 3 values"));
  EXPECT_THAT(
      place_.run({"data", "show", "points.h5", "--augment", "perceptron.yaml", "--output", "sheet.png"})
          .output,
      HasSubstr("a contact sheet draws images"));
}

constexpr const char* kFilters = R"(
name: filters
epochs: 1
data: {path: data.h5}
normalisation: {rescale: 1/255}
network:
  input: [32, 32, 3]
  layers:
    - conv2d: {name: sharp, filters: 3, kernel: 3, groups: 3, weights: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]}
    - conv2d: {filters: 16, kernel: 4, activation: relu}
    - max_pool
    - flatten
    - dense: 10
    - softmax
optimizer: {kind: adamw, learning_rate: 0.01, weight_decay: 0.1}
batch: {size: 20, shards: 4}
)";

TEST(FixedFilters, StayAsTheyAreAndBelongToTheirConfiguration) {
  const Workplace place(60);
  std::ofstream(place.path("filters.yaml")) << kFilters;

  const Outcome trained = place.run({"train", "filters.yaml", "--run", "run"});

  ASSERT_EQ(trained.code, 0) << trained.output;
  const io::Hdf5File file = io::Hdf5File::open(place.path("run/checkpoints/latest").string());
  const std::vector<float> kernel = file.read<float>("parameters/sharp/kernel");
  std::vector<float> expected;
  for (const float value : {0, -1, 0, -1, 5, -1, 0, -1, 0}) expected.insert(expected.end(), 3, value);
  EXPECT_EQ(kernel, expected);
  EXPECT_FALSE(file.exists("parameters/sharp/bias"));
  const Outcome other =
      place.run({"evaluate", "run", "network.layers.0.conv2d.weights=[[0, 0, 0], [0, 1, 0], [0, 0, 0]]"});
  EXPECT_EQ(other.code, 2) << other.output;
  EXPECT_THAT(other.output, HasSubstr("other values of kernel of layer sharp"));
}

TEST(LeftOverPixels, AreNamedBySummaryAndAtTheStart) {
  const Workplace place(60);
  std::ofstream(place.path("filters.yaml")) << kFilters;

  const Outcome summary = place.run({"summary", "filters.yaml"});
  const Outcome keras = place.run({"summary", "filters.yaml", "--style", "keras"});
  const Outcome trained = place.run({"train", "filters.yaml", "--run", "run", "epochs=0.1"});
  const Outcome strict = place.run({"summary", "filters.yaml", "network.strict_shapes=true"});

  EXPECT_THAT(summary.output, HasSubstr("\nmax_pooling2d: 1 row and 1 column dropped\n"));
  EXPECT_THAT(keras.output,
              AllOf(HasSubstr("max_pooling2d_1 (MaxPooling2 (None, 13, 13, 16)        0         \n"),
                    HasSubstr("\nNon-trainable params: 27\n")));
  EXPECT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(
      trained.output,
      HasSubstr("layer max_pooling2d: 1 row and 1 column dropped, its windows do not divide 27 x 27 pixels"));
  EXPECT_EQ(strict.code, 2);
  EXPECT_THAT(strict.output, AllOf(HasSubstr("layer max_pooling2d (max_pool)"), HasSubstr("strict_shapes")));
}

}  // namespace
}  // namespace annulus::test
