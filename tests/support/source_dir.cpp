// The one file that is compiled with the path: a compiler cache may take all others from another checkout.
#include "tests/support/source_dir.hpp"

namespace annulus {

std::string source_dir() { return ANNULUS_SOURCE_DIR; }

}  // namespace annulus
