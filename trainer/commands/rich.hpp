// The verbs below `annulus rich`, one file each.
#pragma once

#include <string>
#include <vector>

#include "rich/simulation_options.hpp"
#include "trainer/commands/context.hpp"

namespace annulus::trainer {

void add_rich_simulate(CLI::App& rich, Action& action);
void add_rich_reconstruct(CLI::App& rich, Action& action);

/// Options of the simulation from a YAML file (or none, when the path is empty) and `key=value` words.
/// @throws UsageError naming file, line and key
rich::SimulationOptions load_simulation(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace annulus::trainer
