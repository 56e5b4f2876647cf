// The keys of the configuration, described once: a reader, a writer, the origins and the comparison of two
// configurations all walk through the same description.
#pragma once

#include "trainer/model/config.hpp"
#include "trainer/model/layers/fields.hpp"

namespace annulus::trainer {

/// All keys of a configuration, top level first.
void describe(Fields& fields, Config& config);

}  // namespace annulus::trainer
