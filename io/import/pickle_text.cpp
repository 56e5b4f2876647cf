// Escapes and encodings of text.
#include "io/import/pickle_text.hpp"

#include <charconv>
#include <cstdint>

namespace annulus::io {
namespace {

/// `digits` hexadecimal digits at the beginning of `text`, which it then has no more.
std::optional<std::uint32_t> take_hexadecimal(std::string_view& text, std::size_t digits) {
  std::uint32_t value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value, 16);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

void append_utf8(std::string& text, std::uint32_t letter) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (letter >> shift & 0x3f)); };
  if (letter < 0x80) {
    text += static_cast<char>(letter);
  } else if (letter < 0x800) {
    text += static_cast<char>(0xc0 | letter >> 6);
    tail(0);
  } else if (letter < 0x10000) {
    text += static_cast<char>(0xe0 | letter >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xf0 | letter >> 18);
    tail(12), tail(6), tail(0);
  }
}

}  // namespace

std::optional<std::string> unquoted_text(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back() || (quoted[0] != '\'' && quoted[0] != '"'))
    return std::nullopt;
  std::string_view rest = quoted.substr(1, quoted.size() - 2);
  std::string text;
  while (!rest.empty()) {
    const char letter = rest.front();
    rest.remove_prefix(1);
    if (letter != '\\') {
      text += letter;
      continue;
    }
    if (rest.empty()) return std::nullopt;
    const char escaped = rest.front();
    rest.remove_prefix(1);
    constexpr std::string_view kEscapes = "\\'\"ntr";
    constexpr std::string_view kMeanings = "\\'\"\n\t\r";
    if (const std::size_t known = kEscapes.find(escaped); known != std::string_view::npos) {
      text += kMeanings[known];
    } else {
      const auto byte = escaped == 'x' ? take_hexadecimal(rest, 2) : std::nullopt;
      if (!byte) return std::nullopt;
      text += static_cast<char>(*byte);
    }
  }
  return text;
}

std::optional<std::string> unescaped_text(std::string_view escaped) {
  std::string text;
  while (!escaped.empty()) {
    const bool small = escaped.starts_with("\\u");
    if (small || escaped.starts_with("\\U")) {
      escaped.remove_prefix(2);
      const auto letter = take_hexadecimal(escaped, small ? 4 : 8);
      if (!letter || *letter > 0x10ffff) return std::nullopt;
      append_utf8(text, *letter);
    } else {
      append_utf8(text, static_cast<unsigned char>(escaped.front()));
      escaped.remove_prefix(1);
    }
  }
  return text;
}

std::optional<std::string> latin1_of(std::string_view utf8) {
  std::string bytes;
  bytes.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    if (first < 0x80) {
      bytes += utf8[i];
      continue;
    }
    const bool two = (first == 0xc2 || first == 0xc3) && i + 1 < utf8.size();
    if (!two || (static_cast<unsigned char>(utf8[i + 1]) & 0xc0) != 0x80) return std::nullopt;
    bytes += static_cast<char>((first & 3) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3f));
  }
  return bytes;
}

}  // namespace annulus::io
