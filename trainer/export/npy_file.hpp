// Arrays as NumPy saves them: golden inputs and outputs beside an exported model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace annulus::trainer {

/// The bytes of a .npy file, format 1.0, C order. @param type  "|u1" or "<f4"
std::string npy_file(const std::string& type, const std::vector<std::int64_t>& extents,
                     std::span<const std::byte> values);

}  // namespace annulus::trainer
