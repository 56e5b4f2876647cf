// The verbs below `annulus rich`, one file each.
#pragma once

#include "trainer/commands/common/context.hpp"

namespace annulus::trainer {

void add_rich_simulate(Verb& rich, Action& action);
void add_rich_reconstruct(Verb& rich, Action& action);
void add_rich_table(Verb& rich, Action& action);
void add_rich_display(Verb& rich, Action& action);
void add_rich_curves(Verb& rich, Action& action);
void add_rich_images(Verb& rich, Action& action);

}  // namespace annulus::trainer
