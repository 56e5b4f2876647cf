// Files of events: what is written comes back, and files that are not what they should be say why.
#include "rich/files/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/error.hpp"
#include "rich/simulation/event_factory.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/rich/columns_of.hpp"

namespace annulus::rich {
namespace {

using testing::AllOf;
using testing::HasSubstr;

SimulationOptions few_tracks() {
  SimulationOptions options;
  options.tracks = 4;
  options.seed = 5;
  return options;
}

std::string write(const EventColumns& columns) {
  const std::string path = io::fresh_path("events.h5");
  EventWriter writer(path, io::Existing::refuse, few_tracks());
  writer.append(columns);
  writer.commit();
  return path;
}

EventColumns some_events() { return columns_of(EventFactory(few_tracks(), 1).make_events(0, 20)); }

EventColumns as_columns(const std::vector<Event>& events) {
  EventColumns columns;
  for (const Event& event : events) columns.append(event);
  return columns;
}

TEST(EventFile, BringsBackWhatWasWritten) {
  const EventColumns events = some_events();

  const EventFile file(write(events));

  ASSERT_EQ(file.events(), 20U);
  EXPECT_EQ(file.tracks(), events.species.size());
  EXPECT_EQ(packed(as_columns(file.read(0, 20))), packed(events));
  EXPECT_EQ(file.options().seed, 5U);
  EXPECT_EQ(file.options().tracks, 4);
  EXPECT_EQ(file.splits().size(), 20U);
}

TEST(EventFile, ReadsAnyStretch) {
  const EventFile file(write(some_events()));

  EventColumns pieces = as_columns(file.read(0, 3));
  append_packed(packed(as_columns(file.read(3, 0))), pieces);
  append_packed(packed(as_columns(file.read(3, 17))), pieces);

  EXPECT_EQ(packed(pieces), packed(some_events()));
  EXPECT_EQ(file.first_track(3), [&] {
    std::uint64_t tracks = 0;
    for (const Event& event : file.read(0, 3)) tracks += event.tracks.size();
    return tracks;
  }());
}

TEST(EventFile, EventsWithoutTracksAndHitsAreEvents) {
  EventColumns columns;
  columns.append(Event{});

  const EventFile file(write(columns));

  EXPECT_EQ(file.events(), 1U);
  EXPECT_TRUE(file.read(0, 1)[0].hits[0].empty());
}

TEST(EventFile, IsAbsentUntilItIsWhole) {
  const std::string path = io::fresh_path("events.h5");
  {
    EventWriter writer(path, io::Existing::refuse, few_tracks());
    writer.append(some_events());
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(EventFile, WrongValuesAreNamed) {
  const auto error_with = [](auto change) {
    EventColumns columns = some_events();
    change(columns);
    const EventFile file(write(columns));
    return io::error_of([&] { file.read(0, file.events()); });
  };

  EXPECT_THAT(error_with([](EventColumns& c) { c.momentum[3] = -2.5F; }),
              AllOf(HasSubstr("tracks/momentum: row 3 is -2.5"), HasSubstr("above zero")));
  EXPECT_THAT(error_with([](EventColumns& c) { c.momentum[3] = 0; }), HasSubstr("row 3 is 0"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.state[17] = NAN; }),
              HasSubstr("tracks/state: row 2 is nan"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.species[1] = 9; }), HasSubstr("tracks/species: row 1 is 9"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.channel[1][0] = -1; }),
              HasSubstr("rich2_hits/channel: row 0 is -1"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.channel[0][4] = 1 << 20; }),
              HasSubstr("rich1_hits/channel: row 4 is 1048576"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.channel[0][1] = c.channel[0][0]; }),
              HasSubstr("row 1 does not lie above"));
}

TEST(EventFile, CountsThatDoNotAddUpAreRefused) {
  const auto error_with = [](auto change) {
    EventColumns columns = some_events();
    change(columns);
    const std::string path = write(columns);
    return io::error_of([&] { EventFile{path}; });
  };

  EXPECT_THAT(error_with([](EventColumns& c) { ++c.track_count[0]; }),
              HasSubstr("events/track_count: adds up to"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.hit_count[1][2] = -7; }),
              HasSubstr("row 2 is -7, a negative"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.split[0] = 3; }), HasSubstr("events/split: row 0 is 3"));
  EXPECT_THAT(error_with([](EventColumns& c) { c.momentum.pop_back(); }),
              HasSubstr("tracks/momentum: has the shape"));
}

TEST(EventFile, OtherFilesAreRefused) {
  const std::string empty = io::fresh_path("empty.h5");
  io::Hdf5File::create(empty).close();
  const std::string text = io::fresh_path("text.h5");
  io::write_text(text, "no HDF5");

  EXPECT_THAT(io::error_of([&] { EventFile{empty}; }), HasSubstr("annulus rich simulate"));
  EXPECT_THAT(io::error_of([&] { EventFile{text}; }), HasSubstr("not an HDF5 file"));
  EXPECT_THAT(io::error_of([&] { EventFile{empty + "x"}; }), HasSubstr("no such file"));
}

TEST(EventFile, CutShortIsAnError) {
  const std::string path = write(some_events());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);

  EXPECT_NE(io::error_of([&] {
              const EventFile file(path);
              file.read(0, file.events());
            }),
            "");
}

TEST(EventColumns, PackedOnesAreAppended) {
  const EventColumns one = some_events();
  EventColumns two = one;
  append_packed(packed(one), two);

  ASSERT_EQ(two.events(), 2 * one.events());
  EXPECT_EQ(two.channel[0].size(), 2 * one.channel[0].size());
  EXPECT_EQ(two.to_events()[one.events()].tracks.size(), one.to_events()[0].tracks.size());
  EXPECT_EQ(two.momentum[one.momentum.size()], one.momentum[0]);
}

TEST(EventColumns, BytesThatEndEarlyAreAnError) {
  std::vector<std::byte> bytes = packed(some_events());
  EventColumns columns;
  append_packed(bytes, columns);
  EXPECT_EQ(packed(columns), bytes);

  for (const std::size_t size : {bytes.size() - 1, std::size_t{4}, std::size_t{0}}) {
    columns.clear();
    EXPECT_THROW(append_packed(std::span(bytes).first(size), columns), RuntimeError);
  }
}

}  // namespace
}  // namespace annulus::rich
