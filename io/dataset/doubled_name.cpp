// See doubled_name.hpp.
#include "io/dataset/doubled_name.hpp"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

#include "base/printable.hpp"

namespace annulus::io {

std::optional<DoubledName> doubled_name(std::span<const std::string> names) {
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const auto [found, is_first] = places.emplace(names[i], i); !is_first)
      return DoubledName{found->second, i};
  return std::nullopt;
}

std::string doubled_text(std::span<const std::string> names, const DoubledName& doubled) {
  return fmt::format("{} stands there twice ({} and {}, counted from 0)", quoted_name(names[doubled.first]),
                     doubled.first, doubled.second);
}

}  // namespace annulus::io
