#include "rich/images/endless_source.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/worker_pool.hpp"
#include "io/dataset/check_buffers.hpp"
#include "rich/images/window_maker.hpp"

namespace annulus::rich {
namespace {

const GeneratorOptions& checked(const GeneratorOptions& options) {
  if (!(options.simulation.tracks > 0))
    throw UsageError("The simulation's number of tracks is {}, but training needs tracks. Set it above zero.",
                     options.simulation.tracks);
  return options;
}

io::SourceInfo info_of(const GeneratorOptions& options, const std::string& name, std::uint64_t samples) {
  io::SourceInfo info{.name = name,
                      .samples = samples,
                      .shape = {options.image.size, options.image.size, options.image.channels()},
                      .pixels = io::PixelType::uint8,
                      .classes = words_list<Species>(),
                      .form = form_of(options.image)};
  for (const std::string& vector : options.features) {
    info.vectors.push_back({vector, static_cast<std::int64_t>(kFeatures)});
    info.columns.push_back(feature_names());
  }
  return info;
}

/// One row of samples that are kept in memory.
struct Row {
  const std::uint8_t* image;
  const float* features;
  std::int32_t label;
};

void copy_row(const Row& row, const io::SourceInfo& info, std::size_t place,
              const io::SampleBuffers& buffers) {
  const auto bytes = static_cast<std::size_t>(info.shape.size());
  std::memcpy(buffers.pixels.data() + place * bytes, row.image, bytes);
  buffers.labels[place] = row.label;
  if (buffers.vectors.empty()) return;
  for (std::size_t k = 0; k < info.vectors.size(); ++k)
    std::copy_n(
        row.features, kFeatures,
        buffers.vectors.begin() + static_cast<std::ptrdiff_t>((place * info.vectors.size() + k) * kFeatures));
}

class EndlessSource final : public io::SampleSource {
 public:
  EndlessSource(const GeneratorOptions& options, const LaneOptions& lanes, std::uint64_t epoch)
      : info_(info_of(checked(options), "the simulation", epoch)),
        simulation_(options.simulation),
        images_(options.simulation.preset, {options.image}),
        lanes_(simulation_, lanes),
        maker_(simulation_, images_, options.threads) {
    info_.endless = true;
  }

  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }

  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info_);
    const auto bytes = static_cast<std::size_t>(info_.shape.size());
    std::vector<TrackPlace> places;
    for (const std::uint64_t sample : samples) places.push_back(lanes_.place(sample));
    std::set<std::uint64_t> begun;
    for (const TrackPlace& place : places)  // in every lane, before the first of them is waited for
      if (begun.insert(place.window.lane).second) prepare(place.window);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const TrackRows& rows = rows_of(places[i].window);
      const std::uint64_t row = places[i].row;
      copy_row({rows.images.data() + row * bytes, rows.features.data() + row * kFeatures, rows.labels[row]},
               info_, i, buffers);
    }
  }

 private:
  struct Lane {
    std::optional<std::uint64_t> current;  ///< number of the window in `rows`
    TrackRows rows;
    std::vector<std::uint64_t> started;  ///< numbers of windows that are being made
  };

  void start(const LaneWindow& window) {
    WindowMaker::Order order{window, {}};
    for (std::uint64_t i = 0; i < lanes_.events_per_window(); ++i)
      order.events.push_back(lanes_.event(window, i));
    maker_.start(std::move(order));
    by_lane_[window.lane].started.push_back(window.number);
  }

  void prepare(const LaneWindow& window) {
    Lane& lane = by_lane_[window.lane];
    if (lane.current == window.number) return;
    if (std::ranges::find(lane.started, window.number) == lane.started.end()) start(window);
  }

  const TrackRows& rows_of(const LaneWindow& window) {
    Lane& lane = by_lane_[window.lane];
    if (lane.current == window.number) return lane.rows;
    prepare(window);
    lane.rows = maker_.take(window);
    lane.current = window.number;
    // Now the next window of the lane is made while the rows of this one are used; what a jump has left
    // behind is forgotten.
    std::erase(lane.started, window.number);
    for (const std::uint64_t number : lane.started)
      if (number != window.number + 1) maker_.forget({window.lane, number});
    std::erase_if(lane.started, [&window](std::uint64_t number) { return number != window.number + 1; });
    if (lane.started.empty()) start({window.lane, window.number + 1});
    return lane.rows;
  }

  io::SourceInfo info_;
  Simulation simulation_;
  ImageMaker images_;
  TrackLanes lanes_;
  WindowMaker maker_;
  std::map<std::uint64_t, Lane> by_lane_;
};

/// Events of the fixed sets: far beyond those of any training.
constexpr std::uint64_t kFirstValidationEvent = std::uint64_t{1} << 40;
constexpr std::uint64_t kFirstTestEvent = std::uint64_t{1} << 41;

/// The events that give a number of tracks, and the first row of each.
struct EventRange {
  std::uint64_t first = 0;
  std::vector<std::uint64_t> first_row{0};

  EventRange(const Simulation& simulation, Split split, std::uint64_t samples)
      : first(split == Split::test ? kFirstTestEvent : kFirstValidationEvent) {
    while (first_row.back() < samples)
      first_row.push_back(first_row.back() + simulation.track_count(first + first_row.size() - 1));
  }
  std::uint64_t events() const { return first_row.size() - 1; }
};

/// Rows in memory that the ranks of a host share: images, then features, then labels.
class GeneratedSet final : public io::SampleSource {
 public:
  GeneratedSet(const GeneratorOptions& options, Split split, std::uint64_t samples,
               const NodeMemoryFactory& memory)
      : info_(info_of(checked(options), "the simulation's " + std::string(word_of(split)) + " set", samples)),
        memory_(memory(samples * (static_cast<std::size_t>(info_.shape.size()) + kFeatures * sizeof(float) +
                                  sizeof(std::int32_t)))) {
    info_.resident = true;
    const Simulation simulation(options.simulation);
    fill(simulation, options, EventRange(simulation, split, samples));
    memory_->synchronise();
  }

  const io::SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const io::RowSet>&) override {}
  io::ReadCounts read_counts() const override { return {}; }

  void read(std::span<const std::uint64_t> samples, const io::SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info_);
    const auto bytes = static_cast<std::size_t>(info_.shape.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      expect_contract(samples[i] < info_.samples, "a sample number is below the number of samples");
      copy_row({images() + samples[i] * bytes, features() + samples[i] * kFeatures, labels()[samples[i]]},
               info_, i, buffers);
    }
  }

 private:
  // Features first: they and the labels are aligned then whatever the size of images.
  float* features() { return reinterpret_cast<float*>(memory_->bytes().data()); }
  std::int32_t* labels() { return reinterpret_cast<std::int32_t*>(features() + info_.samples * kFeatures); }
  std::uint8_t* images() { return reinterpret_cast<std::uint8_t*>(labels() + info_.samples); }

  /// This rank's part of the events, on its threads.
  void fill(const Simulation& simulation, const GeneratorOptions& options, const EventRange& range) {
    const ImageMaker maker(options.simulation.preset, {options.image});
    const auto part = static_cast<std::uint64_t>(memory_->part());
    const auto parts = static_cast<std::uint64_t>(memory_->parts());
    const std::uint64_t end = range.events() * (part + 1) / parts;
    std::atomic<std::uint64_t> next{range.events() * part / parts};
    WorkerPool pool(options.threads);
    pool.run([&](int) {
      TrackRowMaker row_maker(simulation, maker);
      TrackRows rows;
      for (std::uint64_t event = next++; event < end; event = next++) {
        rows = {};
        row_maker.append(range.first + event, rows);
        store(rows, range.first_row[event]);
      }
    });
  }

  /// Tracks of the last event that are not needed are left out.
  void store(const TrackRows& rows, std::uint64_t first) {
    const auto bytes = static_cast<std::size_t>(info_.shape.size());
    const std::uint64_t count = std::min<std::uint64_t>(rows.labels.size(), info_.samples - first);
    std::copy_n(rows.images.begin(), count * bytes, images() + first * bytes);
    std::copy_n(rows.features.begin(), count * kFeatures, features() + first * kFeatures);
    std::copy_n(rows.labels.begin(), count, labels() + first);
  }

  io::SourceInfo info_;
  std::unique_ptr<NodeMemory> memory_;
};

}  // namespace

std::unique_ptr<io::SampleSource> make_endless_source(const GeneratorOptions& options,
                                                      const LaneOptions& lanes, std::uint64_t epoch) {
  expect_contract(epoch > 0 && epoch % static_cast<std::uint64_t>(lanes.batch) == 0,
                  "an epoch of an endless source is whole steps");
  return std::make_unique<EndlessSource>(options, lanes, epoch);
}

std::unique_ptr<io::SampleSource> make_generated_set(const GeneratorOptions& options, Split split,
                                                     std::uint64_t samples, const NodeMemoryFactory& memory) {
  expect_contract(split != Split::train, "the samples of training are never a fixed set");
  return std::make_unique<GeneratedSet>(options, split, samples, memory);
}

}  // namespace annulus::rich
