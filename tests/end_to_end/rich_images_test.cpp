// Images of event files as their users make them: by simulate, and by annulus rich images.
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
using testing::Not;

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RichImages, EventFilesHoldThemUnlessToldOtherwise) {
  const Workplace place(12);
  const auto simulate = [&](const std::string& word, const std::string& output) {
    return place.run({"rich", "simulate", "tracks=4", word, "--events", "40", "--output", output});
  };

  const Outcome with = simulate("seed=3", "with.h5");
  const Outcome without = simulate("images=none", "without.h5");
  const Outcome info = place.run({"data", "info", "with.h5"});
  const Outcome none = place.run({"data", "info", "without.h5"});

  ASSERT_EQ(with.code, 0) << with.output;
  ASSERT_EQ(without.code, 0) << without.output;
  EXPECT_THAT(info.output,
              AllOf(HasSubstr("6 classes: electron, muon, pion, kaon, proton, deuteron"),
                    HasSubstr("32 x 32 x 2 uint8"), HasSubstr("rich1_images"), HasSubstr("track_features")));
  EXPECT_THAT(none.output, Not(HasSubstr("32 x 32")));
}

TEST(RichImages, OtherKindsAreDerivedByAnyNumberOfRanks) {
  const Workplace place(12);
  ASSERT_EQ(
      place.run({"rich", "simulate", "tracks=4", "images=none", "--events", "300", "--output", "events.h5"})
          .code,
      0);
  const auto derive = [&](const std::string& output, int ranks) {
    return place.run({"rich", "images", "events.h5", "--output", output, "--window", "fixed", "--detectors",
                      "rich2", "--size", "16", "--clip", "2"},
                     ranks);
  };

  const Outcome alone = derive("alone.h5", 0);
  const Outcome three = derive("three.h5", 3);
  const Outcome info = place.run({"data", "info", "alone.h5", "--pixels"});

  ASSERT_EQ(alone.code, 0) << alone.output;
  ASSERT_EQ(three.code, 0) << three.output;
  EXPECT_TRUE(bytes_of(place.path("alone.h5")) == bytes_of(place.path("three.h5")));
  EXPECT_THAT(info.output, AllOf(HasSubstr("annulus-dataset-1"), HasSubstr("16 x 16 x 1 uint8"),
                                 HasSubstr("from 0 to 2"), HasSubstr("provenance_events: events.h5")));
}

TEST(RichImages, MistakesAreNamed) {
  const Workplace place(12);
  std::ofstream(place.path("text.h5")) << "no events";
  ASSERT_EQ(place.run({"rich", "simulate", "tracks=1", "--events", "5", "--output", "events.h5"}).code, 0);

  const Outcome size = place.run({"rich", "images", "events.h5", "--output", "out.h5", "--size", "3"});
  const Outcome clip = place.run({"rich", "images", "events.h5", "--output", "out.h5", "--clip", "300"});
  const Outcome window = place.run({"rich", "images", "events.h5", "--output", "out.h5", "--window", "wide"});
  const Outcome taken = place.run({"rich", "images", "events.h5", "--output", "text.h5"});
  const Outcome text = place.run({"rich", "images", "text.h5", "--output", "out.h5"});

  EXPECT_THAT(size.output, HasSubstr("size of corona images is 3"));
  EXPECT_THAT(clip.output, HasSubstr("clip of corona images is 300"));
  EXPECT_THAT(window.output, HasSubstr("wide"));
  EXPECT_THAT(taken.output, HasSubstr("text.h5"));
  EXPECT_THAT(text.output, HasSubstr("not an HDF5 file"));
  for (const Outcome& outcome : {size, clip, window, taken}) EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_FALSE(std::filesystem::exists(place.path("out.h5")));
}

}  // namespace
}  // namespace annulus::test
