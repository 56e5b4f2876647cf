// Finds the first NaN or Inf of a step, for `--debug`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "trainer/backend/contract/bad_value.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// Where values were found, for the message.
struct ValuePlace {
  std::uint64_t epoch = 0;
  std::uint64_t step = 0;
  std::span<const std::uint64_t> numbers;  ///< sample numbers of the shard
};

/// What is looked at: in words ("forward of conv2d_1"), and place, layer and parameter for the error.
struct Checked {
  std::string_view what;
  BadValue in;
};

/// @param values  (n, ...)
/// @throws BadValueError naming what was checked, step and the first bad sample when a value is NaN or beyond
/// float's range
void check_samples(const ValuePlace& place, const Checked& checked, const Tensor& values);

/// The same for a tensor without samples, such as the gradient of a kernel.
void check_tensor(const ValuePlace& place, const Checked& checked, const Tensor& values);

}  // namespace annulus::trainer::reference
