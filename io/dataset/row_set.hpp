// Some of the rows of a stored split, in their order, each once or several times: which row an item is, and
// how many items lie before a row.
#pragma once

#include <cstdint>
#include <vector>

namespace annulus::io {

/// Chosen rows take a bit and a quarter of a byte a row of the whole, so that every rank can hold it for a
/// file of any size; counted ones four bytes more. Both questions take a moment: one search, one word.
class RowSet {
 public:
  /// @param chosen  for every row of the split whether it is in the set
  explicit RowSet(const std::vector<bool>& chosen);
  /// @param times  for every row of the split how often it is in the set
  explicit RowSet(std::vector<std::uint32_t> times);

  /// Items of the set, and rows of the split that they are of.
  std::uint64_t size() const { return before_.back(); }
  std::uint64_t whole() const { return whole_; }

  /// The row that is item number `item`. @pre item < size()
  std::uint64_t row(std::uint64_t item) const;
  /// Items of the set that lie before a row of the split. @pre row <= whole()
  std::uint64_t before(std::uint64_t row) const;

 private:
  std::uint64_t whole_;
  std::vector<std::uint64_t> words_;   ///< a bit a row; empty where rows are counted
  std::vector<std::uint32_t> times_;   ///< of every row; empty where rows are chosen
  std::vector<std::uint64_t> before_;  ///< items before each 64 rows, and all of them at the end
};

/// Items of a part of a split as items of the split: item i is row part.row(items.row(i)).
/// @pre items.whole() == part.size(), and every row is once in `part`
RowSet rows_of_whole(const RowSet& items, const RowSet& part);

}  // namespace annulus::io
