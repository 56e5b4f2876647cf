// Text of others on a terminal: names in files, configurations and messages of libraries may hold any bytes,
// and a terminal obeys some of them (colours, titles, other cursor places, text that runs backwards).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace annulus {

/// Bytes of the UTF-8 character at `at`, 0 when there is none (RFC 3629, section 4). @pre at < text.size()
std::size_t utf8_length(std::string_view text, std::size_t at);

/// The same of a character that a terminal only shows: 0 also for what printable() escapes, and for line ends
/// and tabs. Allocates nothing: for signal handlers. @pre at < text.size()
std::size_t shown_length(std::string_view text, std::size_t at);

/// The text as a terminal may have it. Line ends, tabs and all that one can read stay. Control characters (C0
/// but for the two, DEL, C1) and those that turn the direction of writing become \u and four hexadecimal
/// digits, as in JSON, so that JSON stays JSON; bytes that are no UTF-8 become \x and two digits.
std::string printable(std::string_view text);

/// A name that somebody else has chosen (of a class, a column, a data set, a file in an archive) for a table
/// or a line: as printable(), and line ends, tabs and backslashes become \n, \r, \t and \\, so that it stays
/// on its line and no two names look alike. A name of more than `most` bytes is cut behind a character and
/// ends in "...".
std::string shown_name(std::string_view name, std::size_t most = 200);

/// The same in quotation marks, those inside with a backslash before them: for sentences that compare names.
std::string quoted_name(std::string_view name, std::size_t most = 60);

/// "cat, dog": shown_name() of each.
std::string shown_names(std::span<const std::string> names);

}  // namespace annulus
