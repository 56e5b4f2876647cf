// annulus rich curves as its users call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/end_to_end/program.hpp"
#include "tests/support/planted_predictions.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class RichCurves : public testing::Test {
 protected:
  RichCurves() {
    const Outcome outcome = place_.run(
        {"rich", "simulate", "tracks=8", "--events", "200", "--seed", "2", "--output", "events.h5"});
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    PlantedPredictions(place_.path("events.h5").string()).write(place_.path("net.h5").string());
  }

  std::string contents(const std::string& name) const {
    std::ifstream stream(place_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  const Workplace place_{12};
};

TEST_F(RichCurves, AreNumbersAndPictures) {
  ASSERT_EQ(place_.run({"rich", "reconstruct", "events.h5"}).code, 0);

  const Outcome outcome = place_.run({"rich", "curves", "net.h5", "--output", "figures/first"});

  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("% of pions named heavy at 90 % of kaons"),
                                    HasSubstr("all momenta"), HasSubstr("net         likelihood")));
  const auto json = nlohmann::json::parse(contents("figures/first/curves.json"));
  EXPECT_EQ(json["methods"], nlohmann::json({"net", "likelihood"}));
  EXPECT_EQ(json["kaon_pion"].size(), 12u);
  // Eight tracks per event are easy for the likelihood; a quarter of the planted predictions is wrong.
  EXPECT_LT(json["kaon_pion"][8]["pions_at_90_percent_kaons"]["value"], 0.05);
  EXPECT_THAT(contents("figures/first/kaon_pion.csv"),
              StartsWith("method,momentum_low,momentum_high,cut,kaons,pions\n\"net\",0,inf,"));
  EXPECT_THAT(contents("figures/first/separation.csv"), HasSubstr("\"likelihood\","));
  for (const std::string name : {"kaon_pion", "heavy_light", "separation"}) {
    EXPECT_THAT(contents("figures/first/" + name + ".svg"), HasSubstr("</svg>"));
    EXPECT_THAT(contents("figures/first/" + name + ".png"), StartsWith("\x89PNG"));
  }
  EXPECT_TRUE(place_.unfinished().empty());
}

TEST_F(RichCurves, NumbersAreWrittenWithoutGnuplot) {
  const Outcome outcome = place_.shell("PATH=/nowhere $ANNULUS rich curves net.h5 --output out");

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("gnuplot-nox"), HasSubstr("annulus rich reconstruct")));
  EXPECT_THAT(contents("out/curves.json"), StartsWith("{"));
  EXPECT_FALSE(std::filesystem::exists(place_.path("out/kaon_pion.svg")));
}

TEST_F(RichCurves, WrongWordsAreRefused) {
  std::filesystem::create_directories(place_.path("full"));
  std::ofstream(place_.path("full/separation.png")) << "mine";

  const Outcome there = place_.run({"rich", "curves", "net.h5", "--output", "full"}, 2);
  const Outcome file = place_.run({"rich", "curves", "net.h5", "--output", "net.h5"});
  const Outcome nothing = place_.run({"rich", "curves", "a=b", "--output", "out"});
  const Outcome two = place_.run({"rich", "curves", "a", "b", "--checkpoint", "c", "--output", "out"});

  for (const Outcome& outcome : {there, file, nothing, two}) EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_THAT(there.output, AllOf(HasSubstr("separation.png"), HasSubstr("--replace")));
  EXPECT_THAT(file.output, HasSubstr("is not a folder"));
  EXPECT_THAT(nothing.output, HasSubstr("nothing to draw"));
  EXPECT_THAT(two.output, HasSubstr("Name one run"));
}

}  // namespace
}  // namespace annulus::test
