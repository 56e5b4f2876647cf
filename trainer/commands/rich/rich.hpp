// The verbs below `annulus rich`, one file each.
//
// In: words of the command line, configurations of simulations.
// Out: files of events, tables, curves, pictures.
// Invariant: the physics is in rich/; here are options, files, and the sharing of work among ranks. The
// result of a verb does not depend on their number.
// Next: config.hpp (keys), simulate.cpp (the longest road through it), gather.hpp (how results reach rank
// 0).
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
