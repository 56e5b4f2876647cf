// Files that are named one by one or by shell patterns.
#pragma once

#include <string>
#include <vector>

namespace annulus::io {

/// Whether the text is a pattern (`*`, `?`, `[...]`) rather than the name of a file: one that exists is one.
bool is_pattern(const std::string& entry);

/// The entries in their order; in place of a pattern the files that match it, sorted by their bytes: x-10
/// comes before x-9, so numbers need leading zeros. Files that begin with a dot match no star.
/// @param key  that lists them, for messages
/// @throws DataError where nothing matches, and where a file comes twice
std::vector<std::string> expand_files(const std::vector<std::string>& entries, const std::string& key);

}  // namespace annulus::io
