// Character by character; most texts have nothing to escape and are copied as they are.
#include "base/printable.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace annulus {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

/// The character of `length` bytes. @pre utf8_length() has found it
unsigned code_point(std::string_view text, std::size_t at, std::size_t length) {
  if (length == 1) return byte_at(text, at);
  unsigned code = byte_at(text, at) & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte_at(text, at + i) & 0x3FU);
  return code;
}

/// Directions: Unicode Standard Annex 9, section 2 (embeddings, overrides, isolates and marks).
bool is_obeyed(unsigned code) {
  const bool control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
  const bool direction = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
                         code == 0x200E || code == 0x200F || code == 0x061C;
  const bool line_end = code == 0x2028 || code == 0x2029;
  return control || direction || line_end;
}

/// The longest beginning of at most `most` bytes that ends behind a character.
std::string_view beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = 0;
  while (end < most) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text, end));
    if (end + length > most) break;
    end += length;
  }
  return text.substr(0, end);
}

/// Every letter of `letters` in a name becomes a backslash and the one of `words` in the same place.
std::string escaped(std::string_view name, std::string_view letters, std::string_view words) {
  std::string text;
  for (const char letter : name) {
    const std::size_t place = letters.find(letter);
    if (place != std::string_view::npos) text += '\\';
    text += place == std::string_view::npos ? letter : words[place];
  }
  return text;
}

std::string shown(std::string_view name, std::size_t most, std::string_view letters, std::string_view words) {
  const std::string_view kept = beginning(name, most);
  return printable(escaped(kept, letters, words)) + (kept.size() < name.size() ? "..." : "");
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte_at(text, at + i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte_at(text, at + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool not_a_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || not_a_character ? 0 : length;
}

std::size_t shown_length(std::string_view text, std::size_t at) {
  const std::size_t length = utf8_length(text, at);
  if (length == 0) return 0;
  const unsigned code = code_point(text, at, length);
  return code < 0x20 || is_obeyed(code) ? 0 : length;
}

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      shown += fmt::format("\\x{:02x}", byte_at(text, at++));
      continue;
    }
    const unsigned code = code_point(text, at, length);
    if (is_obeyed(code))
      shown += fmt::format("\\u{:04x}", code);
    else
      shown += text.substr(at, length);
    at += length;
  }
  return shown;
}

std::string shown_name(std::string_view name, std::size_t most) {
  return shown(name, most, "\n\r\t\\", "nrt\\");
}

std::string quoted_name(std::string_view name, std::size_t most) {
  // The dots of a name that was cut stand behind the closing mark: they are not of the name.
  const std::string_view kept = beginning(name, most);
  return fmt::format("\"{}\"{}", shown(kept, most, "\n\r\t\\\"", "nrt\\\""),
                     kept.size() < name.size() ? "..." : "");
}

std::string shown_names(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + shown_name(name);
  return text;
}

}  // namespace annulus
