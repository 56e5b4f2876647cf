// Keys of the RICH's configurations.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/enum_words.hpp"
#include "rich/images/corona.hpp"
#include "rich/simulation/simulation_options.hpp"

namespace annulus::trainer {

/// Whether an event file holds the images of its tracks as well (rich/files/image_file.hpp).
enum class EventImages : std::uint8_t { all, none };

/// What `annulus rich simulate` makes.
struct SimulationConfig {
  rich::SimulationOptions simulation;
  EventImages images = EventImages::all;
};

/// What data.generator: rich makes. All of it is keys of data.rich.
struct RichGenerator {
  rich::SimulationOptions simulation;
  rich::CoronaOptions image;
  std::uint64_t samples = 50000;  ///< of an epoch, at least; rounded up to whole steps
  std::uint64_t validation_samples = 10000;
  std::uint64_t test_samples = 10000;
};

/// From data.rich of a training's config. @param seed  of the training, unless data.rich has one
/// @throws UsageError naming the key
RichGenerator load_generator(const std::map<std::string, std::string>& options, std::uint64_t seed);

/// From a YAML file (or none, when the path is empty) and `key=value` words.
/// @throws UsageError naming file, line and key
SimulationConfig load_simulation(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::EventImages> {
  static constexpr std::array kWords{"all", "none"};
};
