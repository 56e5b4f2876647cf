// "Did you mean ...?": the known name nearest to a mistyped one.
#pragma once

#include <string>
#include <vector>

namespace annulus::io {

/// @return the candidate with the fewest edits (Levenshtein distance), or "" when none is near: more than
/// half of the longer name's letters would have to change. Capital and small letters are the same.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace annulus::io
