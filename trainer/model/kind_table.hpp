// Tables of the kinds that a group of keys may be of: one row a kind, from which everything else about it is
// asked. A row has a `kind`, the `word` that a configuration calls it by, and the `keys` that it uses.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::trainer {

/// Keys of a kind beside those that all kinds use; what is left over is empty.
using KindKeys = std::array<std::string_view, 4>;

/// The words of a table, for EnumWords, which refuses to compile when a kind has no row. So does this when
/// the rows do not stand in the order of the enumerators.
template <class Row, std::size_t N>
consteval std::array<const char*, N> words_of(const std::array<Row, N>& rows) {
  std::array<const char*, N> words{};
  for (std::size_t i = 0; i < N; ++i)
    words.at(static_cast<std::size_t>(rows[i].kind) == i ? i : N) = rows[i].word;
  return words;
}

/// @pre the table has a row for every kind
template <class Row, std::size_t N, class Kind>
constexpr const Row& row_of(const std::array<Row, N>& rows, Kind kind) {
  return rows.at(static_cast<std::size_t>(kind));
}

template <class Row>
constexpr bool uses(const Row& row, std::string_view key) {
  return std::find(row.keys.begin(), row.keys.end(), key) != row.keys.end();
}

/// The kinds that use a key; none when it is one that all kinds use.
template <class Row, std::size_t N>
std::vector<std::string> words_using(const std::array<Row, N>& rows, std::string_view key) {
  std::vector<std::string> words;
  for (const Row& row : rows)
    if (uses(row, key)) words.emplace_back(row.word);
  return words;
}

}  // namespace annulus::trainer
