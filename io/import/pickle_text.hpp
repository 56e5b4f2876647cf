// The ways in which pickles write text. Internal to io/import.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace annulus::io {

/// What repr() of Python 2 made of text, in quotes: 'it\'s \x00'.   @return nothing when it is none
std::optional<std::string> unquoted_text(std::string_view quoted);

/// Python's "raw-unicode-escape": Latin-1 with \uXXXX and \UXXXXXXXX, to UTF-8.   @return nothing when it is
/// none
std::optional<std::string> unescaped_text(std::string_view escaped);

/// UTF-8 to bytes, one for each letter.   @return nothing when a letter is beyond Latin-1
std::optional<std::string> latin1_of(std::string_view utf8);

}  // namespace annulus::io
