// For messages about library calls: where they stand in the source.
#pragma once

#include <string_view>

namespace annulus {

/// Name of a source file (__FILE__) without its folders.
constexpr std::string_view source_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace annulus
