// The parts of a path, in a file system, an archive or an HDF5 file.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::io {

/// "/a//b/" -> {"a", "b"}
inline std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace annulus::io
