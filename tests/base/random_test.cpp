// The generator against its authors' vectors; the computed shuffle as a bijection.
#include "base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <vector>

namespace annulus {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Known answers published with the Random123 library (file kat_vectors, "philox4x32 10").
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(ToUnit, CoversTheHalfOpenInterval) {
  EXPECT_EQ(to_unit(0), 0.0f);
  EXPECT_EQ(to_unit(0x80000000u), 0.5f);
  EXPECT_LT(to_unit(0xffffffffu), 1.0f);
}

TEST(RandomStream, IsAPureFunctionOfItsCoordinates) {
  const auto draws = [](std::uint64_t seed, Purpose purpose, std::uint32_t epoch, std::uint64_t item) {
    RandomStream stream(seed, purpose, epoch, item);
    std::vector<std::uint32_t> words(9);  // more than two blocks
    for (auto& word : words) word = stream.next();
    return words;
  };
  const auto reference = draws(1, Purpose::test, 2, 3);

  EXPECT_EQ(draws(1, Purpose::test, 2, 3), reference);
  EXPECT_EQ(std::set(reference.begin(), reference.end()).size(), reference.size());
  EXPECT_NE(draws(2, Purpose::test, 2, 3), reference);
  EXPECT_NE(draws(1, Purpose::dropout, 2, 3), reference);
  EXPECT_NE(draws(1, Purpose::test, 3, 3), reference);
  EXPECT_NE(draws(1, Purpose::test, 2, 4), reference);
  EXPECT_NE(draws(1 + (std::uint64_t{1} << 32), Purpose::test, 2, 3), reference) << "high half of the seed";
  EXPECT_NE(draws(1, Purpose::test, 2, 3 + (std::uint64_t{1} << 32)), reference) << "high half of the item";
}

TEST(RandomStream, DrawsUniformly) {
  RandomStream stream(5, Purpose::test, 0, 0);
  constexpr int kDraws = 20000;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const float value = stream.uniform(-2, 4);
    ASSERT_GE(value, -2);
    ASSERT_LT(value, 4);
    sum += value;
  }

  // The mean of 20000 draws has a standard deviation of 6 / sqrt(12 * 20000) = 0.012; four of them.
  EXPECT_NEAR(sum / kDraws, 1.0, 0.05);
}

class PermutationOf : public testing::TestWithParam<std::uint64_t> {};

TEST_P(PermutationOf, VisitsEveryItemOnce) {
  const Permutation permutation(42, 3, GetParam());

  std::vector<int> visits(GetParam(), 0);
  for (std::uint64_t position = 0; position < GetParam(); ++position) {
    const std::uint64_t item = permutation(position);
    ASSERT_LT(item, GetParam());
    ++visits[item];
  }

  EXPECT_EQ(std::ranges::count(visits, 1), static_cast<std::ptrdiff_t>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PermutationOf,
                         testing::Values(1, 2, 3, 4, 5, 7, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 4096,
                                         4097, 50000, 65536, 65537));

std::vector<std::uint64_t> items(const Permutation& permutation, std::uint64_t size) {
  std::vector<std::uint64_t> order(size);
  for (std::uint64_t position = 0; position < size; ++position) order[position] = permutation(position);
  return order;
}

TEST(Permutation, DiffersBetweenEpochsAndSeeds) {
  constexpr std::uint64_t kSize = 1000;
  const auto reference = items(Permutation(1, 0, kSize), kSize);

  EXPECT_EQ(items(Permutation(1, 0, kSize), kSize), reference);
  EXPECT_NE(items(Permutation(1, 1, kSize), kSize), reference);
  EXPECT_NE(items(Permutation(2, 0, kSize), kSize), reference);
  EXPECT_NE(items(Permutation(1, std::uint64_t{1} << 32, kSize), kSize), reference);
}

TEST(Permutation, MovesItemsFarAway) {
  constexpr std::uint64_t kSize = 10000;
  double distance = 0;
  const Permutation permutation(9, 0, kSize);
  for (std::uint64_t position = 0; position < kSize; ++position) {
    const auto item = static_cast<double>(permutation(position));
    distance += std::abs(item - static_cast<double>(position));
  }

  // Two independent uniform places lie size/3 apart on average; 5 % is many standard deviations (0.25 %).
  EXPECT_NEAR(distance / kSize, kSize / 3.0, 0.05 * kSize / 3.0);
}

TEST(Permutation, RoundsAreUnlike) {
  // Rounds that are all alike undo themselves: with its halves exchanged before and after, such a shuffle is
  // its own inverse.
  constexpr std::uint64_t kHalf = 32, kSize = kHalf * kHalf;
  const Permutation permutation(9, 0, kSize);
  const auto exchanged = [](std::uint64_t item) { return item % kHalf * kHalf + item / kHalf; };

  std::uint64_t undone = 0;
  for (std::uint64_t item = 0; item < kSize; ++item)
    undone += permutation(exchanged(permutation(item))) == exchanged(item) ? 1 : 0;

  EXPECT_LT(undone, kSize / 10);  // by chance about one
}

TEST(Permutation, HandlesSizesBeyond32Bits) {
  constexpr std::uint64_t kSize = (std::uint64_t{1} << 40) + 12345;
  const Permutation permutation(7, 1, kSize);

  std::set<std::uint64_t> seen;
  for (std::uint64_t position = kSize - 1000; position < kSize; ++position) {
    const std::uint64_t item = permutation(position);
    EXPECT_LT(item, kSize);
    seen.insert(item);
  }

  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Permutation, RefusesSizesItCannotCover) {
  EXPECT_THROW(Permutation(0, 0, std::uint64_t{1} << 62), std::logic_error);
}

}  // namespace
}  // namespace annulus
