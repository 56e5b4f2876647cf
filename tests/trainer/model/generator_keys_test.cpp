// data.generator and its options: kept as text for whoever knows the generator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const char* const kGenerated = R"(
data: {generator: rich, rich: {tracks: 30, species: lecture}}
network:
  input: [8, 8, 2]
  layers:
    - flatten
    - dense: 2
    - softmax
)";

Config parse(const std::vector<std::string>& overrides = {}) {
  return parse_config(kGenerated, "test.yaml", overrides).config;
}

std::string error_of(const std::string& yaml, const std::string& override) {
  try {
    parse_config(yaml, "test.yaml", {override});
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(GeneratorKeys, OptionsAreKeptAsText) {
  const Config config = parse({"data.rich.tracks=60", "data.rich.seed=4"});

  EXPECT_EQ(config.data.generator, "rich");
  EXPECT_THAT(config.data.rich,
              ElementsAre(Pair("seed", "4"), Pair("species", "lecture"), Pair("tracks", "60")));
  EXPECT_EQ(parse_config(config.yaml, "again").config.data.rich, config.data.rich);
}

TEST(GeneratorKeys, CountAsNumeric) {
  EXPECT_THAT(numeric_differences(parse(), parse({"data.rich.tracks=60"})),
              ElementsAre(testing::Field(&KeyDifference::key, "data.rich")));
  EXPECT_THAT(numeric_differences(parse(), parse()), ElementsAre());
}

TEST(GeneratorKeys, GoTogether) {
  const char* const network = "network: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}";
  EXPECT_THAT(error_of(network, "data.rich.tracks=3"),
              AllOf(HasSubstr("command line"), HasSubstr("Add data.generator: rich")));
  EXPECT_THAT(error_of(kGenerated, "data.limit=3"), HasSubstr("data.limit = 3 cuts a file short"));
  EXPECT_THAT(error_of(kGenerated, "data.weights=w"), HasSubstr("weights of samples in a file, but"));
  EXPECT_THAT(error_of(kGenerated, "data.sampling=balanced"),
              HasSubstr("data.sampling = balanced draws samples of a file again and again"));
}

}  // namespace
}  // namespace annulus::trainer
