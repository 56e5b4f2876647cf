// Where the sources lie that the tests belong to: configurations, scripts and stored values are read from
// there.
#pragma once

#include <string>

namespace annulus {

/// The root of the source tree, without a slash at its end.
std::string source_dir();

}  // namespace annulus
