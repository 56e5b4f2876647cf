// annulus rich display as its users call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class RichDisplay : public testing::Test {
 protected:
  RichDisplay() {
    const Outcome outcome =
        place_.run({"rich", "simulate", "tracks=8", "--events", "4", "--seed", "2", "--output", "events.h5"});
    EXPECT_EQ(outcome.code, 0) << outcome.output;
  }

  Outcome display(const std::vector<std::string>& words, int ranks = 0) const {
    std::vector<std::string> command{"rich", "display", "events.h5"};
    command.insert(command.end(), words.begin(), words.end());
    return place_.run(command, ranks);
  }

  std::string contents(const std::string& name) const {
    std::ifstream stream(place_.path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  const Workplace place_{12};
};

TEST_F(RichDisplay, DrawsBothKindsOfPictures) {
  ASSERT_EQ(place_.run({"rich", "reconstruct", "events.h5"}).code, 0);

  const Outcome svg = display({"1", "--output", "event.svg"}, 2);
  const Outcome png = display({"1", "--output", "event.png", "--track", "1", "--window", "fixed"});

  EXPECT_EQ(svg.code, 0) << svg.output;
  EXPECT_EQ(png.code, 0) << png.output;
  EXPECT_THAT(svg.output, HasSubstr("Event 1, track "));
  EXPECT_THAT(contents("event.svg"),
              AllOf(StartsWith("<?xml"), HasSubstr("Event 1, track "), HasSubstr("likelihood: ")));
  EXPECT_THAT(contents("event.png"), StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_GT(std::filesystem::file_size(place_.path("event.png")), 20000u);
}

TEST_F(RichDisplay, WrongWordsAreRefused) {
  std::ofstream(place_.path("there.svg")) << "mine";

  const Outcome event = display({"4", "--output", "event.svg"});
  const Outcome track = display({"1", "--output", "event.svg", "--track", "1000"});
  const Outcome negative = display({"-1", "--output", "event.svg"});
  const Outcome kind = display({"1", "--output", "event.pdf"});
  const Outcome there = display({"1", "--output", "there.svg"});

  for (const Outcome& outcome : {event, track, negative, kind, there})
    EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_THAT(event.output, HasSubstr("events 0 to 3; there is no event 4"));
  EXPECT_THAT(track.output, HasSubstr("there is no track 1000"));
  EXPECT_THAT(kind.output, HasSubstr(".svg or .png"));
  EXPECT_THAT(there.output, HasSubstr("--replace"));
  EXPECT_FALSE(std::filesystem::exists(place_.path("event.svg")));
}

TEST_F(RichDisplay, MissingGnuplotIsNamed) {
  const Outcome outcome = place_.shell("PATH=/nowhere $ANNULUS rich display events.h5 1 --output event.svg");

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("gnuplot-nox"));
}

}  // namespace
}  // namespace annulus::test
