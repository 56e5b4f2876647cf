// Predictions for the tracks of a file of events as `annulus predict` writes them, but made up: tests of
// tables and curves need no training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/file.hpp"

namespace annulus::test {

/// What a file of predictions holds; change it to make it wrong.
struct PlantedPredictions {
  static constexpr std::size_t kClasses = 6;

  std::string events;
  std::vector<std::string> classes{"electron", "muon", "pion", "kaon", "proton", "deuteron"};
  std::vector<std::uint64_t> track;
  std::vector<float> momentum;
  std::vector<std::int32_t> labels;
  std::vector<float> probabilities;

  /// For the tracks of the test split: the truth gets 0.75, but every fourth track is named the next species.
  explicit PlantedPredictions(const std::string& events_path) : events(events_path) {
    const io::Hdf5File file = io::Hdf5File::open(events_path);
    const auto splits = file.read<std::uint8_t>("events/split");
    const auto counts = file.read<std::int32_t>("events/track_count");
    const auto species = file.read<std::uint8_t>("tracks/species");
    const auto momenta = file.read<float>("tracks/momentum");
    std::uint64_t next = 0;
    for (std::size_t event = 0; event < splits.size(); ++event)
      for (std::int32_t i = 0; i < counts[event]; ++i, ++next)
        if (splits[event] == 2) add(next, species[next], momenta[next]);
  }

  void add(std::uint64_t row, std::uint8_t species, float p) {
    std::vector<float> probability(kClasses, 0.05f);
    probability[track.size() % 4 == 3 ? (species + 1) % 5 : species] = 0.75f;
    probabilities.insert(probabilities.end(), probability.begin(), probability.end());
    track.push_back(row);
    momentum.push_back(p);
    labels.push_back(species);
  }

  /// @param without  a column to leave out
  void write(const std::string& path, const std::string& without = {}) const {
    io::Hdf5File file = io::Hdf5File::create(path, io::Existing::replace);
    const auto rows = static_cast<std::int64_t>(labels.size());
    const auto column = [&](const char* name, const auto& values) {
      using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
      if (name != without) file.write(name, {rows}, std::span<const Value>(values));
    };
    column("labels", labels);
    column("track", track);
    column("momentum", momentum);
    if (without != "probabilities")
      file.write("probabilities", {rows, kClasses}, std::span<const float>(probabilities));
    file.set_attribute("/", "schema", "annulus-predictions-1");
    file.set_attribute("/", "classes", classes);
    file.set_attribute("/", "dataset", events);
    file.set_attribute("/", "split", "test");
    file.close();
  }
};

}  // namespace annulus::test
