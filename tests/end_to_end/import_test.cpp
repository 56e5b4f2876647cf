// The first steps of a user with pictures of her own: commands as they stand in configs and messages work as
// they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "io/hdf5/file.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/io/pictures/image_test_support.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

std::string picture(std::int64_t side, std::uint8_t value) {
  return io::png(io::plain_image(side, side, {value, value, value}), PNG_FORMAT_RGB);
}

/// Big-endian, as IDX has its numbers.
std::string word(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

void write_digits(const fs::path& folder, const std::string& set, std::uint32_t count) {
  fs::create_directories(folder);
  std::string images = word(0x803) + word(count) + word(28) + word(28);
  std::string labels = word(0x801) + word(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    images += std::string(std::size_t{28} * 28, static_cast<char>(25 * (i % 10)));
    labels += static_cast<char>(i % 10);
  }
  std::ofstream(folder / (set + "-images-idx3-ubyte"), std::ios::binary) << images;
  std::ofstream(folder / (set + "-labels-idx1-ubyte"), std::ios::binary) << labels;
}

/// The lines of a config's header that begin with `annulus`.
std::vector<std::string> header_commands(const std::string& config) {
  std::vector<std::string> commands;
  std::ifstream file(source_dir() + "/configs/" + config);
  std::string line;
  const std::regex command("#\\s+annulus (.*?)(\\s{2,}.*)?");
  std::smatch parts;
  while (std::getline(file, line) && line.starts_with('#'))
    if (std::regex_match(line, parts, command)) commands.push_back(parts[1]);
  return commands;
}

TEST(FirstSteps, HeaderOfLenetWorksInAFreshFolder) {
  const Workplace place(12);
  fs::copy(source_dir() + "/configs", place.path("configs"));
  write_digits(place.path("FOLDER"), "train", 256);
  write_digits(place.path("FOLDER"), "t10k", 64);
  const std::vector<std::string> commands = header_commands("lenet5.yaml");
  ASSERT_THAT(commands, SizeIs(2));

  for (const std::string& command : commands) {
    const std::string more = command.starts_with("train") ? " epochs=1" : "";
    const Outcome outcome = place.shell("\"$ANNULUS\" " + command + more);

    EXPECT_EQ(outcome.code, 0) << command << "\n" << outcome.output;
  }
}

/// Class folders a and b with an image each.
void write_sizes(const Workplace& place, std::int64_t of_a, std::int64_t of_b) {
  for (const auto& [name, side] : {std::pair("a", of_a), std::pair("b", of_b)}) {
    fs::create_directories(place.path("sizes") / name);
    std::ofstream(place.path("sizes") / name / "0.png", std::ios::binary) << picture(side, 100);
  }
}

Extents imported_extents(const Workplace& place, const std::vector<std::string>& words) {
  std::vector<std::string> all{"data", "import", "images", "--output", "out.h5", "--replace"};
  all.insert(all.end(), words.begin(), words.end());
  const Outcome outcome = place.run(all);
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  return io::Hdf5File::open(place.path("out.h5").string()).extents("train/images");
}

TEST(FirstSteps, AdviceAboutSizesWorksWordForWord) {
  const Workplace place(12);
  write_sizes(place, 8, 12);

  const Outcome refused = place.run({"data", "import", "images", "sizes", "--output", "out.h5"});

  std::smatch advice;
  ASSERT_TRUE(std::regex_search(refused.output, advice, std::regex("(--resize) (\\S+)\\.")))
      << refused.output;
  EXPECT_EQ(imported_extents(place, {"sizes", advice[1], advice[2]}), (Extents{2, 8, 8, 3}));
}

TEST(FirstSteps, SizesMayBeOneWordOrTwo) {
  const Workplace place(12);
  write_sizes(place, 8, 8);

  EXPECT_EQ(imported_extents(place, {"--resize", "4x6", "sizes"}), (Extents{2, 4, 6, 3}));
  EXPECT_EQ(imported_extents(place, {"--resize", "4", "6", "sizes"}), (Extents{2, 4, 6, 3}));
  EXPECT_EQ(imported_extents(place, {"sizes", "--resize=4x6", "--grey"}), (Extents{2, 4, 6, 1}));
  const Outcome one = place.run({"data", "import", "images", "sizes", "--output", "one.h5", "--resize", "4"});
  EXPECT_EQ(one.code, 2);
  EXPECT_THAT(one.output, HasSubstr("--resize"));
}

TEST(FirstSteps, TheSourceMayStandBehindTheNamesOfTheClasses) {
  const Workplace place(12);
  write_digits(place.path("digits"), "train", 20);
  const std::string names = "--classes a b c d e f g h i j";
  const auto import = [&](const std::string& words) {
    return place.shell("\"$ANNULUS\" data import idx " + words + " --replace --output out.h5");
  };

  for (const std::string& words : {names + " digits", "digits " + names, names + " digits --deflate 1"}) {
    const Outcome outcome = import(words);
    EXPECT_EQ(outcome.code, 0) << words << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("10 classes: a, b, c, d, e, f, g, h, i, j\n")) << words;
  }
  const Outcome none = import(names);
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.output, HasSubstr("The source is missing"));
}

TEST(FirstSteps, ThousandsOfClassesAreNamed) {
  const Workplace place(12);
  io::NamedFiles files;
  for (int k = 0; k < 4200; ++k) files.emplace_back(fmt::format("class{:05}/0.png", k), picture(1, 7));
  io::write_archive(place.path("many.zip").string(), files);

  const Outcome import = place.run({"data", "import", "images", "many.zip", "--output", "many.h5"});

  ASSERT_EQ(import.code, 0) << import.output;
  const Outcome info = place.run({"data", "info", "many.h5"});
  EXPECT_EQ(info.code, 0);
  EXPECT_THAT(info.output, AllOf(HasSubstr("4200 classes"), HasSubstr("class04199")));

  std::ofstream(place.path("many.yaml"))
      << "name: many\nepochs: 1\ndata: {path: many.h5}\n"
         "network:\n  input: [1, 1, 3]\n  layers:\n    - flatten\n    - dense: 4200\n    - softmax\n"
         "batch: {size: 100, shards: 1}\n";
  ASSERT_EQ(place.run({"train", "many.yaml", "--run", "run"}).code, 0);
  const Outcome predict =
      place.run({"predict", "run", "--input", "many.h5", "--split", "train", "--output", "out.h5"});
  ASSERT_EQ(predict.code, 0) << predict.output;
  EXPECT_EQ(io::Hdf5File::open(place.path("out.h5").string()).texts("classes").at(4199), "class04199");
}

}  // namespace
}  // namespace annulus::test
