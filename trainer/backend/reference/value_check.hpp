// Finds the first NaN or Inf of a step, for `--debug`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::reference {

/// Where values were found, for the message.
struct ValuePlace {
  std::uint64_t epoch = 0;
  std::uint64_t step = 0;
  std::span<const std::uint64_t> numbers;  ///< sample numbers of the shard
};

/// @param what  "forward of conv2d_1": what has just run   @param values (n, ...)
/// @throws RuntimeError naming `what`, step and the first bad sample when a value is NaN or beyond float's
/// range
void check_samples(const ValuePlace& place, std::string_view what, const Tensor& values);

/// The same for a tensor without samples, such as the gradient of a kernel.
void check_tensor(const ValuePlace& place, std::string_view what, const Tensor& values);

}  // namespace annulus::trainer::reference
