// Training rows of whole events: truth stays out of them, no event is in two splits, and io reads them.
#include "rich/files/image_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/node_memory.hpp"
#include "io/dataset/dataset.hpp"
#include "rich/files/event_file.hpp"
#include "rich/simulation/event_factory.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::rich {
namespace {

std::vector<Event> some_events(std::uint64_t count) {
  return EventFactory({.tracks = 6, .seed = 3}, 1).make_events(0, count);
}

TEST(ImageFactory, ThreadsAndPiecesDoNotShow) {
  const std::vector<Event> events = some_events(30);
  ImageFactory alone(Preset::run3, {CoronaOptions{}, kLectureCorona}, 1);
  ImageFactory three(Preset::run3, {CoronaOptions{}, kLectureCorona}, 3);
  std::uint64_t tracks_before = 0;
  for (std::size_t i = 0; i < 11; ++i) tracks_before += events[i].tracks.size();

  const std::vector<std::byte> whole = packed(alone.make(events, 100));
  ImagesBySplit pieces = three.make(std::span(events).first(11), 100);
  append_packed(packed(three.make(std::span(events).subspan(11), 0)), 100 + tracks_before, pieces);

  EXPECT_EQ(packed(pieces), whole);
}

TEST(ImageFactory, TruthIsNeverLookedAt) {
  std::vector<Event> events = some_events(10);
  ImageFactory factory(Preset::run3, {CoronaOptions{}, kLectureCorona}, 1);
  const ImagesBySplit before = factory.make(events, 0);
  for (Event& event : events) {
    for (Track& track : event.tracks) {
      track.species = Species::deuteron;
      track.charge = static_cast<std::int8_t>(-track.charge);
      track.truth = {.momentum = 77, .entries = {}};
      track.lost_z = 5000;
      track.mistaken = !track.mistaken;
      track.photons = {0, 0};
    }
    for (auto& hits : event.hits)
      for (Hit& hit : hits) hit.source = kNoise;
  }

  const ImagesBySplit& after = factory.make(events, 0);

  for (std::size_t split = 0; split < before.size(); ++split) {
    EXPECT_EQ(before[split].images, after[split].images);
    EXPECT_EQ(before[split].features, after[split].features);
    EXPECT_EQ(before[split].momentum, after[split].momentum);
    EXPECT_THAT(after[split].labels, testing::Each(5));
  }
}

TEST(ImageFactory, EveryTrackHasOneRowInTheSplitOfItsEvent) {
  const std::vector<Event> events = some_events(60);
  std::vector<Split> split_of_track;
  for (const Event& event : events)
    split_of_track.insert(split_of_track.end(), event.tracks.size(), event.split);
  ImageFactory factory(Preset::run3, {CoronaOptions{}}, 1);

  const ImagesBySplit& rows = factory.make(events, 0);

  std::set<std::uint64_t> tracks;
  for (std::size_t split = 0; split < rows.size(); ++split) {
    EXPECT_GT(rows[split].rows(), 0U);
    for (const std::uint64_t track : rows[split].track) {
      EXPECT_TRUE(tracks.insert(track).second);
      EXPECT_EQ(split_of_track.at(track), static_cast<Split>(split));
    }
  }
  EXPECT_EQ(tracks.size(), split_of_track.size());
}

TEST(ImageColumns, BytesThatEndEarlyAreAnError) {
  ImageFactory factory(Preset::run3, {CoronaOptions{}}, 1);
  std::vector<std::byte> bytes = packed(factory.make(some_events(3), 0));
  bytes.pop_back();

  ImagesBySplit images;
  for (ImageColumns& columns : images) columns.images.resize(1);
  EXPECT_THROW(append_packed(bytes, 0, images), RuntimeError);
  bytes.resize(4);
  EXPECT_THROW(append_packed(bytes, 0, images), RuntimeError);
}

TEST(ImageFile, EventFilesAreDatasetsToo) {
  const std::string path = io::fresh_path("events.h5");
  const std::vector<Event> events = some_events(40);
  ImageFactory factory(Preset::run3, {CoronaOptions{}, kLectureCorona}, 1);
  const ImagesBySplit& rows = factory.make(events, 0);
  EventWriter writer(path, io::Existing::refuse, {.tracks = 6, .seed = 3});
  writer.expect_images(event_file_images());
  EventColumns columns;
  for (const Event& event : events) columns.append(event);
  writer.append(columns);
  writer.append(rows);
  writer.commit();

  EXPECT_EQ(EventFile(path).events(), 40U);  // still a file of events
  for (std::size_t split = 0; split < rows.size(); ++split) {
    const std::string group(enum_words<Split>()[split]);
    for (const std::size_t kind : {std::size_t{0}, std::size_t{1}}) {
      const std::string name = group + (kind == 0 ? "/images" : "/rich1_images");
      const auto source =
          io::open_dataset({.path = path, .images = name, .labels = group + "/labels"}, make_private_memory);
      EXPECT_EQ(source->info().samples, rows[split].rows());
      EXPECT_EQ(source->info().shape, (SampleShape{32, 32, kind == 0 ? 2 : 1}));
      EXPECT_EQ(source->info().classes.size(), 6U);
      EXPECT_EQ(source->info().form, form_of(kind == 0 ? CoronaOptions{} : kLectureCorona));
    }
    const io::Hdf5File file = io::Hdf5File::open(path);
    EXPECT_EQ(file.read<std::uint8_t>(group + "/images"), rows[split].images[0]);
    EXPECT_EQ(file.read<std::uint8_t>(group + "/rich1_images"), rows[split].images[1]);
    EXPECT_EQ(file.read<float>(group + "/track_features"), rows[split].features);
    EXPECT_EQ(file.strings_attribute(group + "/track_features", "columns"), feature_names());
    EXPECT_EQ(file.read<std::int32_t>(group + "/labels"), rows[split].labels);
    EXPECT_EQ(file.read<std::uint64_t>(group + "/track"), rows[split].track);
    EXPECT_EQ(file.read<float>(group + "/momentum"), rows[split].momentum);
  }
}

}  // namespace
}  // namespace annulus::rich
