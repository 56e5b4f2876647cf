// annulus data import.
#pragma once

#include "trainer/commands/common/context.hpp"

namespace annulus::trainer {

/// Adds `import` and a verb per importer below it.
void add_imports(Verb& data, Action& action);

}  // namespace annulus::trainer
