// Every row once, in an order that knows nothing of the memory.
#include "io/survey/row_order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kRows = 1000;
constexpr std::size_t kBytes = 8;

struct Reading {
  std::vector<std::uint64_t> numbers;  ///< of the rows, in their order
  std::uint64_t read = 0;              ///< rows of the input
  std::uint64_t temporary_bytes = 0;
};

/// Reads all rows in pieces, and looks whether each holds its number.
Reading read_all(RowOrderOptions options) {
  options.beside = fresh_path("out.h5");
  Reading reading;
  RowInput input{.rows = kRows, .row_bytes = kBytes, .step = 16};
  input.read = [&](std::uint64_t first, std::uint64_t count, std::span<std::byte> rows) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t number = first + i;
      std::memcpy(rows.data() + i * kBytes, &number, kBytes);
    }
    reading.read += count;
  };
  OrderedRows order(std::move(input), std::move(options));
  while (reading.numbers.size() < order.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(77, order.size() - reading.numbers.size());
    std::vector<std::byte> rows(count * kBytes);
    std::vector<std::uint64_t> numbers(count), held(count);
    order.next(rows, numbers);
    std::memcpy(held.data(), rows.data(), rows.size());
    EXPECT_EQ(held, numbers);
    reading.numbers.insert(reading.numbers.end(), numbers.begin(), numbers.end());
  }
  reading.temporary_bytes = order.temporary_bytes();
  return reading;
}

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> numbers) {
  std::ranges::sort(numbers);
  return numbers;
}

std::vector<std::uint64_t> all_rows() {
  std::vector<std::uint64_t> numbers(kRows);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  return numbers;
}

TEST(RowOrder, IsTheSameWithAnyMemory) {
  const Reading large = read_all({.seed = 3, .memory_bytes = 1 << 20});
  const Reading small = read_all({.seed = 3, .memory_bytes = 50 * (kBytes + 12)});

  EXPECT_EQ(large.numbers, small.numbers);
  EXPECT_EQ(sorted(small.numbers), all_rows());
  EXPECT_NE(small.numbers, all_rows());
  EXPECT_EQ(large.temporary_bytes, 0U);
  EXPECT_EQ(small.temporary_bytes, kRows * kBytes);
  EXPECT_EQ(small.read, kRows) << "the input is read once, from the first row to the last";
}

TEST(RowOrder, FollowsFromSeedAndNumber) {
  const std::vector<std::uint64_t> one = read_all({.seed = 3}).numbers;

  EXPECT_NE(one, read_all({.seed = 4}).numbers);
  EXPECT_NE(one, read_all({.seed = 3, .number = 1}).numbers);
}

TEST(RowOrder, KeepsTheOrderWhereItIsAskedTo) { EXPECT_EQ(read_all({.shuffle = false}).numbers, all_rows()); }

TEST(RowOrder, OfSomeRowsTheOthersNeverCome) {
  std::vector<bool> chosen(kRows);
  std::vector<std::uint64_t> rows;
  for (std::uint64_t row = 3; row < kRows; row += 7) {
    chosen[row] = true;
    rows.push_back(row);
  }
  const auto set = std::make_shared<const RowSet>(chosen);

  EXPECT_EQ(read_all({.chosen = set, .shuffle = false}).numbers, rows);
  for (const std::uint64_t memory : {std::uint64_t{1} << 20, std::uint64_t{20 * (kBytes + 12)}})
    EXPECT_EQ(sorted(read_all({.chosen = set, .memory_bytes = memory}).numbers), rows);
}

}  // namespace
}  // namespace annulus::io
