// Some of the rows of a stored split, in their order: which row a sample is, and how many of them lie before
// a row.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::io {

/// A bit and a quarter of a byte a row of the whole, so that every rank can hold it for a file of any size.
/// Both questions take a moment: one search, one word.
class RowSet {
 public:
  /// @param chosen  for every row of the split whether it is in the set
  explicit RowSet(const std::vector<bool>& chosen);

  /// Rows in the set, and of the split that they are of.
  std::uint64_t size() const { return before_.back(); }
  std::uint64_t whole() const { return whole_; }

  /// The row that is sample number `sample`. @pre sample < size()
  std::uint64_t row(std::uint64_t sample) const;
  /// Rows of the set that lie before a row of the split. @pre row <= whole()
  std::uint64_t before(std::uint64_t row) const;

 private:
  std::uint64_t whole_;
  std::vector<std::uint64_t> words_;   ///< a bit a row
  std::vector<std::uint64_t> before_;  ///< rows of the set before each word, and all of them at the end
};

}  // namespace annulus::io
