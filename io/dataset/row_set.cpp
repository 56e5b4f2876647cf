// Bits or counts, and a sum in front of each 64 rows of them.
#include "io/dataset/row_set.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kBits = 64;

}  // namespace

RowSet::RowSet(const std::vector<bool>& chosen) : whole_(chosen.size()), words_(chosen.size() / kBits + 1) {
  for (std::uint64_t row = 0; row < whole_; ++row)
    if (chosen[row]) words_[row / kBits] |= std::uint64_t{1} << row % kBits;
  std::uint64_t count = 0;
  for (const std::uint64_t word : words_) {
    before_.push_back(count);
    count += static_cast<std::uint64_t>(std::popcount(word));
  }
  before_.push_back(count);
}

RowSet::RowSet(std::vector<std::uint32_t> times) : whole_(times.size()), times_(std::move(times)) {
  before_.reserve(whole_ / kBits + 2);
  std::uint64_t count = 0;
  for (std::uint64_t row = 0; row <= whole_; ++row) {
    if (row % kBits == 0) before_.push_back(count);
    if (row < whole_) count += times_[row];
  }
  before_.push_back(count);
}

std::uint64_t RowSet::row(std::uint64_t item) const {
  expect_contract(item < size(), "an item's number is below the number of items");
  // The last 64 rows with no more than `item` items before them: empty ones before them have as many.
  const auto after = std::upper_bound(before_.begin(), before_.end(), item);
  const auto at = static_cast<std::size_t>(after - before_.begin()) - 1;
  std::uint64_t skipped = before_[at];
  std::uint64_t row = at * kBits;
  if (words_.empty()) {
    while (skipped + times_[row] <= item) skipped += times_[row++];
    return row;
  }
  std::uint64_t word = words_[at];
  for (; skipped < item; ++skipped) word &= word - 1;  // its lowest bit
  return row + static_cast<std::uint64_t>(std::countr_zero(word));
}

std::uint64_t RowSet::before(std::uint64_t row) const {
  expect_contract(row <= whole_, "a row lies in its split");
  std::uint64_t count = before_[row / kBits];
  if (words_.empty()) {
    for (std::uint64_t earlier = row / kBits * kBits; earlier < row; ++earlier) count += times_[earlier];
    return count;
  }
  const std::uint64_t below = (std::uint64_t{1} << row % kBits) - 1;
  return count + static_cast<std::uint64_t>(std::popcount(words_[row / kBits] & below));
}

RowSet rows_of_whole(const RowSet& items, const RowSet& part) {
  expect_contract(items.whole() == part.size(), "the items are rows of the part");
  std::vector<std::uint32_t> times(part.whole());
  std::uint64_t before = 0;
  std::uint64_t sample = 0;
  for (std::uint64_t row = 0; row < part.whole(); ++row) {
    if (part.before(row + 1) == part.before(row)) continue;
    const std::uint64_t with = items.before(++sample);
    times[row] = static_cast<std::uint32_t>(with - before);
    before = with;
  }
  return RowSet(std::move(times));
}

}  // namespace annulus::io
