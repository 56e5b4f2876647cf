// The verbs below `annulus rich`, one file each.
#pragma once

#include "trainer/commands/common/context.hpp"

namespace annulus::trainer {

void add_rich_simulate(CLI::App& rich, Action& action);
void add_rich_reconstruct(CLI::App& rich, Action& action);
void add_rich_table(CLI::App& rich, Action& action);
void add_rich_display(CLI::App& rich, Action& action);
void add_rich_curves(CLI::App& rich, Action& action);
void add_rich_images(CLI::App& rich, Action& action);

}  // namespace annulus::trainer
