// The computed shuffle.
#include "base/random.hpp"

#include "base/error.hpp"

namespace annulus {

Permutation::Permutation(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size)
    : key_(stream_key(seed, Purpose::shuffle)), epoch_(epoch), size_(size) {
  expect_contract(size < (std::uint64_t{1} << 62), "a permutation covers fewer than 2^62 items");
  while ((std::uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
}

std::uint64_t Permutation::encrypt(std::uint64_t value) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask;
  for (std::uint32_t round = 0; round < 4; ++round) {
    const auto words =
        philox(key_, {static_cast<std::uint32_t>(right), round, static_cast<std::uint32_t>(epoch_),
                      static_cast<std::uint32_t>(epoch_ >> 32)});
    const std::uint64_t mixed = left ^ (words[0] & mask);
    left = right;
    right = mixed;
  }
  return (left << half_bits_) | right;
}

std::uint64_t Permutation::operator()(std::uint64_t position) const {
  std::uint64_t value = position;
  do value = encrypt(value);
  while (value >= size_);
  return value;
}

}  // namespace annulus
