// A model that was trained on pictures is given pictures: as a file, a folder, a list, one.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kEach = 8;

/// Three classes of colours, 6 x 6 pixels; trained for a moment.
class PicturesOfAModel : public testing::Test {
 protected:
  void SetUp() override {
    for (int k = 0; k < 3 * kEach; ++k) {
      const auto level = static_cast<std::uint8_t>(200 + k);
      const std::vector<std::uint8_t> colour{k % 3 == 0 ? level : std::uint8_t{20},
                                             k % 3 == 1 ? level : std::uint8_t{20},
                                             k % 3 == 2 ? level : std::uint8_t{20}};
      write(fmt::format("photos/{}/{}.png", (const char*[]){"red", "gre,en", "blue"}[k % 3], k), 6, colour);
    }
    write("wide.png", 12, {220, 20, 20});
    std::ofstream(place_.path("c.yaml"))
        << "epochs: 4\ndata: {path: photos.h5, validation: none}\nnormalisation: {kind: none, rescale: 1/255}\n"
           "network:\n  input: [6, 6, 3]\n  layers:\n    - flatten\n    - dense: 3\n    - softmax\n"
           "batch: {size: 8, shards: 4}\noptimizer: {learning_rate: 0.1}\n";
    run({"data", "import", "images", "photos", "--output", "photos.h5"});
    run({"data", "import", "images", "photos", "--unlabelled", "--output", "plain.h5"});
    run({"train", "c.yaml", "--run", "run"});
  }

  void write(const std::string& name, std::int64_t width, const std::vector<std::uint8_t>& colour) const {
    fs::create_directories(place_.path(name).parent_path());
    std::ofstream(place_.path(name), std::ios::binary)
        << io::png(io::plain_image(6, width, colour), PNG_FORMAT_RGB);
  }
  std::string run(const std::vector<std::string>& words, int ranks = 1) const {
    const Outcome outcome = place_.run(words, ranks);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }
  std::vector<float> probabilities(const std::string& name) const {
    return io::Hdf5File::open(place_.path(name).string()).read<float>("probabilities");
  }
  std::vector<std::string> lines(const std::string& name) const {
    std::ifstream file(place_.path(name));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  Workplace place_{12};
};

TEST_F(PicturesOfAModel, AreAnsweredAsTheSamePicturesInAFile) {
  run({"predict", "run", "--input", "plain.h5", "--output", "file.h5"});
  run({"predict", "run", "--input", "photos", "--output", "folder.h5"}, 2);
  run({"predict", "run", "--input", "photos", "--output", "table.csv"});
  run({"predict", "run", "--input", "photos", "--output", "lines.txt"});

  EXPECT_EQ(probabilities("folder.h5"), probabilities("file.h5"));
  const auto names = io::Hdf5File::open(place_.path("folder.h5").string()).texts("names");
  ASSERT_EQ(names.size(), 3U * kEach);
  EXPECT_EQ(names.front(), "photos/blue/11.png");
  const std::vector<std::string> table = lines("table.csv");
  ASSERT_EQ(table.size(), 3U * kEach + 1);
  EXPECT_EQ(table[0], "picture,prediction,probability,blue,\"gre,en\",red");
  const std::vector<float> all = probabilities("file.h5");
  EXPECT_EQ(table[1], fmt::format("photos/blue/11.png,blue,{:.9g},{:.9g},{:.9g},{:.9g}", all[0], all[0],
                                  all[1], all[2]));
  EXPECT_THAT(table[1 + kEach], testing::StartsWith("\"photos/gre,en/1.png\",\"gre,en\",0."));
  EXPECT_THAT(lines("lines.txt").front(), testing::StartsWith("photos/blue/11.png: blue 0."));
}

TEST_F(PicturesOfAModel, MayBeOneOrAListOrOfAnotherSize) {
  const std::string one = run({"predict", "run", "--input", "photos/red/0.png"});
  EXPECT_THAT(one, AllOf(HasSubstr("photos/red/0.png\n  red "), HasSubstr("  ####")))
      << "five lines with bars";

  const Outcome refused = place_.run({"predict", "run", "--input", "wide.png"});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("wide.png: has 6 x 12 pixels"), HasSubstr("--fit crop")));
  EXPECT_THAT(run({"predict", "run", "--input", "wide.png", "--fit", "crop"}), HasSubstr("wide.png\n  red "));

  std::ofstream(place_.path("list.txt")) << "wide.png\nphotos/blue/2.png\n";
  EXPECT_THAT(
      run({"predict", "run", "--input", "list.txt", "--input", "photos/red/3.png", "--fit", "stretch"}, 2),
      AllOf(HasSubstr("wide.png: red 0."), HasSubstr("photos/blue/2.png: blue 0."),
            HasSubstr("photos/red/3.png: red 0.")));

  const Outcome mixed = place_.run({"predict", "run", "--input", "plain.h5", "--input", "wide.png"});
  EXPECT_EQ(mixed.code, 2);
  EXPECT_THAT(mixed.output, HasSubstr("Predict the two one after the other"));
  std::ofstream(place_.path("there.csv")) << "mine\n";
  const Outcome there = place_.run({"predict", "run", "--input", "photos", "--output", "there.csv"});
  EXPECT_NE(there.code, 0);
  EXPECT_THAT(lines("there.csv"), ElementsAre("mine"));
  const Outcome sized = place_.run({"predict", "run", "--input", "plain.h5", "--fit", "crop"});
  EXPECT_EQ(sized.code, 2);
  EXPECT_THAT(sized.output, HasSubstr("are for pictures"));
}

}  // namespace
}  // namespace annulus::test
