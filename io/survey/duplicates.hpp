// Images that are equal bit for bit: inside a split, and between two of them, where what was learnt of one is
// judged on the other.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"

namespace annulus::io {

/// An image and an equal one, with their labels.
struct EqualPair {
  std::uint64_t row = 0;
  std::uint64_t other_row = 0;
  std::int32_t label = 0;
  std::int32_t other_label = 0;
};

/// Images of a split that occur before: earlier in it, or in another split.
struct Repeats {
  std::string split;             ///< whose images are counted
  std::string other;             ///< where they occur before
  std::uint64_t images = 0;      ///< how many, each once
  std::uint64_t relabelled = 0;  ///< of these, with another label than the first equal one
  std::vector<EqualPair> first;  ///< the first of them in the order of rows: `row` of `split`
};

/// A split that was looked at.
struct HashedSplit {
  std::string name;
  std::uint64_t images = 0;
  std::uint64_t looked_at = 0;  ///< the first ones
};

struct Duplicates {
  std::vector<HashedSplit> splits;
  std::vector<Repeats>
      repeats;  ///< each split with itself, then each with every one before it; none left out
};

/// One of the splits of a file. Without labels nothing is known of them.
struct SplitToHash {
  std::string name;
  DatasetOptions data;
};

/// Images that are compared of a split, at 16 bytes each.
constexpr std::uint64_t kMostHashed = 1'000'000;

/// Reads all pixels of the splits once and compares them by XXH3, whose 64 bits suffice: of files with three
/// splits of a million images each, one in four million would show a pair that is none.
/// @throws DataError
Duplicates find_duplicates(const std::vector<SplitToHash>& splits, std::uint64_t most = kMostHashed);

void print_duplicates(const Duplicates& found, std::ostream& out);

}  // namespace annulus::io
