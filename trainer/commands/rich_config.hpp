// Keys of the RICH's configurations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rich/simulation_options.hpp"

namespace annulus::trainer {

/// Whether an event file holds the images of its tracks as well (rich/image_file.hpp).
enum class EventImages : std::uint8_t { all, none };

/// What `annulus rich simulate` makes.
struct SimulationConfig {
  rich::SimulationOptions simulation;
  EventImages images = EventImages::all;
};

/// From a YAML file (or none, when the path is empty) and `key=value` words.
/// @throws UsageError naming file, line and key
SimulationConfig load_simulation(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace annulus::trainer
