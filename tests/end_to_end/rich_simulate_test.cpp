// annulus rich simulate as its users call it.
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

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RichSimulate, RanksAndThreadsDoNotShowInTheFile) {
  const Workplace place(12);
  const auto simulate = [&](const std::string& output, const std::string& threads, int ranks) {
    // More events than are written in one piece.
    return place.run({"rich", "simulate", "tracks=1", "--events", "1500", "--seed", "7", "--threads", threads,
                      "--output", output},
                     ranks);
  };

  const Outcome alone = simulate("alone.h5", "1", 0);
  const Outcome two = simulate("two.h5", "2", 2);
  const Outcome three = simulate("three.h5", "1", 3);

  ASSERT_EQ(alone.code, 0) << alone.output;
  ASSERT_EQ(two.code, 0) << two.output;
  ASSERT_EQ(three.code, 0) << three.output;
  EXPECT_THAT(alone.output, AllOf(HasSubstr("1500 events with "), HasSubstr("events/s")));
  const std::string bytes = bytes_of(place.path("alone.h5"));
  EXPECT_GT(bytes.size(), 1U << 20);
  EXPECT_TRUE(bytes == bytes_of(place.path("two.h5")));
  EXPECT_TRUE(bytes == bytes_of(place.path("three.h5")));
}

TEST(RichSimulate, FullDiskEndsAllRanksAndLeavesNothing) {
  const Workplace place(12);
  const std::string limited =
      "sh -c 'ulimit -f 50000; exec \"$ANNULUS\" rich simulate tracks=5 --events 2000 --output events.h5'";
  for (const std::string start : {"exec ", "exec $MPIRUN -n 2 "}) {
    const Outcome full = place.shell(start + limited);

    EXPECT_EQ(full.code, 1) << full.output;
    EXPECT_THAT(full.output, AllOf(HasSubstr("events.h5.partial"), HasSubstr("cannot be written")));
    EXPECT_THAT(place.unfinished(), testing::IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(place.path("events.h5")));
  }
}

TEST(RichSimulate, TakesAConfiguration) {
  const Workplace place(12);
  std::ofstream(place.path("events.yaml"))
      << "preset: hpd\nspecies: balanced\ntracks: 4\nrealism: realistic\n";

  const Outcome outcome =
      place.run({"rich", "simulate", "events.yaml", "tracks=2", "--events", "10", "--output", "events.h5"});

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(std::filesystem::exists(place.path("events.h5")));
}

TEST(RichSimulate, MistakesAreNamed) {
  const Workplace place(12);
  std::ofstream(place.path("taken.h5")) << "something";
  const auto simulate = [&](const std::string& word, const std::string& output) {
    return place.run({"rich", "simulate", word, "--events", "10", "--output", output});
  };

  const Outcome key = simulate("trakcs=3", "events.h5");
  const Outcome value = simulate("species=pion", "events.h5");
  const Outcome range = simulate("tracks=-4", "events.h5");
  const Outcome file = simulate("missing.yaml", "events.h5");
  const Outcome taken = simulate("tracks=4", "taken.h5");

  EXPECT_THAT(key.output, HasSubstr("unknown key trakcs. Did you mean tracks?"));
  EXPECT_THAT(value.output, AllOf(HasSubstr("species"), HasSubstr("lecture, minbias, balanced")));
  EXPECT_THAT(range.output, HasSubstr("tracks is -4"));
  EXPECT_THAT(file.output, HasSubstr("missing.yaml: the configuration cannot be read"));
  EXPECT_THAT(taken.output, HasSubstr("taken.h5"));
  for (const Outcome& outcome : {key, value, range, file, taken})
    EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_EQ(bytes_of(place.path("taken.h5")), "something");
  EXPECT_FALSE(std::filesystem::exists(place.path("events.h5")));
}

}  // namespace
}  // namespace annulus::test
