// annulus data repack: dataset files and foreign ones, written anew as a training reads them best.
#pragma once

#include "trainer/commands/common/context.hpp"

namespace annulus::trainer {

void add_repack(Verb& data, Action& action);

}  // namespace annulus::trainer
