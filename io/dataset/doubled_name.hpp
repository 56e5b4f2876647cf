// A name that stands twice in a list of classes or columns: numbers still tell the two apart, names do not.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace annulus::io {

struct DoubledName {
  std::size_t first = 0;  ///< its places in the list
  std::size_t second = 0;
};

/// The first name that an earlier one is equal to.
std::optional<DoubledName> doubled_name(std::span<const std::string> names);

/// `"cat" stands there twice (1 and 3, counted from 0)`: the middle of a sentence.
std::string doubled_text(std::span<const std::string> names, const DoubledName& doubled);

}  // namespace annulus::io
