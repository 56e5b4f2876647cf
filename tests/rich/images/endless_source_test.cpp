// Samples that never end: the same whoever reads them, in whatever order, and never two of one event side by
// side more often than chance.
#include "rich/images/endless_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "rich/images/window_maker.hpp"
#include "rich/simulation/track_lanes.hpp"

namespace annulus::rich {
namespace {

GeneratorOptions few_tracks(int threads = 1) {
  return {.simulation = {.tracks = 3, .seed = 17},
          .image = {.detectors = CoronaDetectors::rich1, .size = 8},
          .features = {"track"},
          .threads = threads};
}

constexpr LaneOptions kLanes{.batch = 16, .shards = 4};
constexpr std::uint64_t kEpoch = 320;

/// What read() gives.
struct Samples {
  std::vector<std::byte> pixels;
  std::vector<std::int32_t> labels;
  std::vector<float> vectors;
  bool operator==(const Samples&) const = default;
};

Samples read(io::SampleSource& source, const std::vector<std::uint64_t>& numbers) {
  const io::SourceInfo& info = source.info();
  Samples samples{std::vector<std::byte>(numbers.size() * static_cast<std::size_t>(info.shape.size())),
                  std::vector<std::int32_t>(numbers.size()),
                  std::vector<float>(numbers.size() * static_cast<std::size_t>(total_length(info.vectors)))};
  source.read(numbers, {samples.pixels, samples.labels, samples.vectors});
  return samples;
}

std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST(TrackLanes, SamplesAreAllTracksOfTheLanesEventsOnce) {
  const Simulation simulation({.tracks = 3, .seed = 17});
  TrackLanes lanes(simulation, kLanes);
  std::map<std::uint64_t, std::set<std::pair<std::uint64_t, std::uint64_t>>> of_lane;

  for (std::uint64_t sample = 0; sample < 6400; ++sample) {
    const TrackPlace place = lanes.place(sample);
    EXPECT_EQ(place.window.lane, sample % 16 / 4);
    EXPECT_LT(place.row, lanes.tracks(place.window));
    EXPECT_TRUE(of_lane[place.window.lane].insert({place.window.number, place.row}).second) << sample;
  }

  for (const auto& [lane, rows] : of_lane) {
    ASSERT_EQ(rows.size(), 1600U);
    const std::uint64_t last = rows.rbegin()->first;
    std::uint64_t earlier = 0;  // tracks of windows that were left behind
    for (std::uint64_t window = 0; window < last; ++window) earlier += lanes.tracks({lane, window});
    EXPECT_EQ(std::distance(rows.begin(), rows.lower_bound({last, 0})), static_cast<std::ptrdiff_t>(earlier));
  }
}

TEST(TrackLanes, WindowsAreTheirEvents) {
  const Simulation simulation({.tracks = 3, .seed = 17});
  Simulation::Workspace workspace(simulation);
  TrackLanes lanes(simulation, kLanes);
  lanes.place(4000);  // lanes 0 and 1 are counted as far as that
  lanes.place(4004);
  std::set<std::uint64_t> events;

  for (const std::uint64_t lane : {std::uint64_t{0}, std::uint64_t{1}}) {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}}) {
      std::uint64_t tracks = 0;
      for (std::uint64_t i = 0; i < lanes.events_per_window(); ++i) {
        const std::uint64_t event = lanes.event({lane, number}, i);
        EXPECT_TRUE(events.insert(event).second);
        EXPECT_EQ(event % 4, lane);
        tracks += simulation.event(event, workspace).tracks.size();
      }
      EXPECT_EQ(lanes.tracks({lane, number}), tracks);
    }
  }
}

TEST(EndlessSource, SamplesDoNotDependOnTheirReader) {
  const auto whole = make_endless_source(few_tracks(), kLanes, kEpoch);
  const Samples all = read(*whole, range(0, 3200));
  ASSERT_TRUE(whole->info().endless);
  EXPECT_EQ(whole->info().samples, kEpoch);

  // Two ranks with other numbers of threads, one step at a time, and one that begins in the middle.
  const auto one = make_endless_source(few_tracks(3), kLanes, kEpoch);
  const auto two = make_endless_source(few_tracks(2), kLanes, kEpoch);
  const auto late = make_endless_source(few_tracks(), kLanes, kEpoch);
  const std::size_t bytes = 64;
  for (std::uint64_t step = 0; step < 200; ++step) {
    for (io::SampleSource* source : {one.get(), two.get(), late.get()}) {
      if (source == late.get() && step < 150) continue;
      const std::uint64_t first = step * 16 + (source == one.get() ? 0 : 8);
      const Samples part = read(*source, range(first, 8));
      EXPECT_TRUE(std::ranges::equal(part.pixels, std::span(all.pixels).subspan(first * bytes, 8 * bytes)));
      EXPECT_TRUE(std::ranges::equal(part.labels, std::span(all.labels).subspan(first, 8)));
      EXPECT_TRUE(
          std::ranges::equal(part.vectors, std::span(all.vectors).subspan(first * kFeatures, 8 * kFeatures)));
    }
  }
}

TEST(EndlessSource, GoesBackAndForth) {
  const auto source = make_endless_source(few_tracks(2), kLanes, kEpoch);
  const Samples before = read(*source, range(32, 16));

  read(*source, range(32000, 64));
  read(*source, {5, 9000, 6, 31000, 7});

  EXPECT_EQ(read(*source, range(32, 16)), before);
}

TEST(EndlessSource, SamplesAreTheTracksOfTheSimulation) {
  const GeneratorOptions options = few_tracks();
  const auto source = make_endless_source(options, kLanes, kEpoch);
  const Simulation simulation(options.simulation);
  const ImageMaker maker(Preset::run3, {options.image});
  TrackLanes lanes(simulation, kLanes);
  TrackRowMaker row_maker(simulation, maker);

  for (const std::uint64_t sample : {std::uint64_t{0}, std::uint64_t{77}, std::uint64_t{2001}}) {
    const TrackPlace place = lanes.place(sample);
    TrackRows rows;
    for (std::uint64_t i = 0; i < lanes.events_per_window(); ++i)
      row_maker.append(lanes.event(place.window, i), rows);
    const Samples read_back = read(*source, {sample});
    EXPECT_EQ(read_back.labels[0], rows.labels[place.row]);
    EXPECT_TRUE(std::ranges::equal(read_back.vectors,
                                   std::span(rows.features).subspan(place.row * kFeatures, kFeatures)));
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(rows.images).subspan(place.row * 64, 64)),
                                   read_back.pixels));
  }
}

TEST(EndlessSource, NeighboursAreSeldomOfOneEvent) {
  // The last feature but one is the number of tracks of the event, the last one its hits: together they tell
  // events apart.
  const auto source = make_endless_source(few_tracks(), {.batch = 64, .shards = 1}, 64);
  const Samples samples = read(*source, range(0, 3200));
  const auto event_of = [&samples](std::size_t i) {
    return std::pair{samples.vectors[i * kFeatures + kFeatures - 2],
                     samples.vectors[i * kFeatures + kFeatures - 1]};
  };

  int same = 0;
  for (std::size_t i = 1; i < 3200; ++i) same += event_of(i) == event_of(i - 1) ? 1 : 0;

  // Windows of 86 events: 1 in 86, and a little more for large ones. In the order of events it would be 2
  // in 3.
  EXPECT_LT(same, 3200 / 25);
}

TEST(EndlessSource, NeedsTracks) {
  GeneratorOptions options = few_tracks();
  options.simulation.tracks = 0;
  EXPECT_THROW(make_endless_source(options, kLanes, kEpoch), UsageError);
}

TEST(GeneratedSet, IsFixedAndOfOtherEvents) {
  const auto make = [](Split split, int threads) {
    const auto source = make_generated_set(few_tracks(threads), split, 200, make_private_memory);
    EXPECT_EQ(source->info().samples, 200U);
    EXPECT_FALSE(source->info().endless);
    return read(*source, range(0, 200));
  };
  const auto training = make_endless_source(few_tracks(), kLanes, kEpoch);

  const Samples validation = make(Split::validation, 1);

  EXPECT_EQ(make(Split::validation, 3), validation);
  const Samples test = make(Split::test, 1);
  // Momenta are as good as unique.
  const auto momenta = [](const Samples& samples) {
    std::set<float> values;
    for (std::size_t i = 0; i < samples.labels.size(); ++i) values.insert(samples.vectors[i * kFeatures]);
    return values;
  };
  EXPECT_GT(momenta(validation).size(), 190U);
  for (const Samples& other : {test, read(*training, range(0, 1000))}) {
    std::vector<float> common;
    std::ranges::set_intersection(momenta(validation), momenta(other), std::back_inserter(common));
    EXPECT_LT(common.size(), 3U);
  }
}

/// One of two ranks that share memory.
class HalfOfMemory : public NodeMemory {
 public:
  HalfOfMemory(std::vector<std::byte>& bytes, int part) : bytes_(bytes), part_(part) {}
  std::span<std::byte> bytes() override { return bytes_; }
  int part() const override { return part_; }
  int parts() const override { return 2; }
  void synchronise() override {}

 private:
  std::vector<std::byte>& bytes_;
  int part_;
};

TEST(GeneratedSet, RanksOfAHostShareIt) {
  std::vector<std::byte> shared;
  const auto make = [&shared](int part) {
    return make_generated_set(few_tracks(), Split::test, 100, [&shared, part](std::size_t bytes) {
      shared.resize(bytes);
      return std::make_unique<HalfOfMemory>(shared, part);
    });
  };

  const auto first = make(0);
  const auto second = make(1);

  const auto alone = make_generated_set(few_tracks(), Split::test, 100, make_private_memory);
  EXPECT_EQ(read(*first, range(0, 100)), read(*alone, range(0, 100)));
  EXPECT_EQ(read(*second, range(0, 100)), read(*alone, range(0, 100)));
}

}  // namespace
}  // namespace annulus::rich
