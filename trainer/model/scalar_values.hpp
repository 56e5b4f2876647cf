// From the text of a YAML scalar to a value and back, so that what is written reads back to the same bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace annulus::trainer {

/// The value of a finite decimal number, or of a fraction such as "1/255"; nothing when it is neither.
std::optional<double> parse_double(const std::string& text);
/// The same, rounded once to float.
std::optional<float> parse_float(const std::string& text);
/// A whole number in decimal digits; nothing for anything else, 1e3 and 64-bit overflow included.
std::optional<std::int64_t> parse_whole(const std::string& text);

/// Text as a YAML scalar: plain where that is safe, in double quotes otherwise. @pre no control characters
std::string to_yaml(const std::string& text);

}  // namespace annulus::trainer
