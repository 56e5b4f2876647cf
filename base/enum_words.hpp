// The words of an enumeration, once: what a configuration, a file, a message and a document call its values.
// A specialisation of EnumWords stands beside the enumeration; everything else asks here. That a word is
// missing or one too many is found by the compiler.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace annulus {

/// Specialise with `static constexpr std::array kWords{"first", "second"};`, in the order of the enumerators,
/// which count from 0.
template <class Enum>
struct EnumWords;

/// Whether the enumeration names this value. The compiler knows: it prints a name, or a cast of a number.
template <auto Value>
consteval bool is_enumerator() {
  constexpr std::string_view said = __PRETTY_FUNCTION__;
  constexpr std::string_view mark = "Value = ";
  return said[said.rfind(mark) + mark.size()] != '(';
}

/// All words, in the order of the enumerators.
template <class Enum>
constexpr const auto& enum_words() {
  constexpr std::size_t count = EnumWords<Enum>::kWords.size();
  static_assert(count > 0 && is_enumerator<static_cast<Enum>(count - 1)>(), "a word without an enumerator");
  static_assert(!is_enumerator<static_cast<Enum>(count)>(), "an enumerator without a word");
  return EnumWords<Enum>::kWords;
}

/// @pre the value is one of the enumerators
template <class Enum>
constexpr const char* word_of(Enum value) {
  return enum_words<Enum>()[static_cast<std::size_t>(value)];
}

/// @return nothing for a word that means none of them
template <class Enum>
constexpr std::optional<Enum> enum_of(std::string_view word) {
  const auto& words = enum_words<Enum>();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return {};
}

/// The words as strings, for lists in messages.
template <class Enum>
std::vector<std::string> words_list() {
  return {enum_words<Enum>().begin(), enum_words<Enum>().end()};
}

}  // namespace annulus
