// Bits, and a count in front of each word of them.
#include "io/dataset/row_set.hpp"

#include <algorithm>
#include <bit>

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

std::uint64_t RowSet::row(std::uint64_t sample) const {
  expect_contract(sample < size(), "a sample number is below the number of samples");
  // The last word with no more than `sample` rows before it: empty ones before it have as many.
  const auto after = std::upper_bound(before_.begin(), before_.end(), sample);
  const auto at = static_cast<std::size_t>(after - before_.begin()) - 1;
  std::uint64_t word = words_[at];
  for (std::uint64_t skipped = before_[at]; skipped < sample; ++skipped) word &= word - 1;  // its lowest bit
  return at * kBits + static_cast<std::uint64_t>(std::countr_zero(word));
}

std::uint64_t RowSet::before(std::uint64_t row) const {
  expect_contract(row <= whole_, "a row lies in its split");
  const std::uint64_t below = (std::uint64_t{1} << row % kBits) - 1;
  return before_[row / kBits] + static_cast<std::uint64_t>(std::popcount(words_[row / kBits] & below));
}

}  // namespace annulus::io
