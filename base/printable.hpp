// Text of others on a terminal: names in files, configurations and messages of libraries may hold any bytes,
// and a terminal obeys some of them (colours, titles, other cursor places, text that runs backwards).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace annulus {

/// Bytes of the UTF-8 character at `at`, 0 when there is none (RFC 3629, section 4). @pre at < text.size()
std::size_t utf8_length(std::string_view text, std::size_t at);

/// The text as a terminal may have it. Line ends, tabs and all that one can read stay. Control characters (C0
/// but for the two, DEL, C1) and those that turn the direction of writing become \u and four hexadecimal
/// digits, as in JSON, so that JSON stays JSON; bytes that are no UTF-8 become \x and two digits.
std::string printable(std::string_view text);

}  // namespace annulus
