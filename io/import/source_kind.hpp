// What a source looks like, for whoever gave it to the wrong importer.
#pragma once

#include <string>

namespace annulus::io {

/// Looks at the first bytes of a file, or at the names in a folder.
/// @param importer  the one that did not understand it
/// @return a sentence that names what fits, or "" when nothing does, or nothing better
std::string what_fits(const std::string& source, const std::string& importer);

}  // namespace annulus::io
