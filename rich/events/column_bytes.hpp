// Columns of numbers as bytes, to be sent to a rank of the same program: length, values, length, values, ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.hpp"

namespace annulus::rich {

template <class Value>
std::size_t packed_size(const std::vector<Value>& column) {
  return sizeof(std::uint64_t) + column.size() * sizeof(Value);
}

template <class Value>
void pack(const std::vector<Value>& column, std::vector<std::byte>& bytes) {
  const std::uint64_t rows = column.size();
  const auto head = std::as_bytes(std::span(&rows, 1));
  const auto body = std::as_bytes(std::span(column));
  bytes.insert(bytes.end(), head.begin(), head.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
}

/// Appends the column at the front of `bytes`, which then begin behind it.
/// @throws RuntimeError when they end inside it; the column is as before
template <class Value>
void append_packed(std::span<const std::byte>& bytes, std::vector<Value>& column) {
  std::uint64_t rows = 0;
  const bool has_head = bytes.size() >= sizeof rows;
  if (has_head) std::memcpy(&rows, bytes.data(), sizeof rows);
  const auto body = bytes.subspan(has_head ? sizeof rows : 0);
  if (!has_head || rows > body.size() / sizeof(Value))
    throw RuntimeError("columns sent by another rank are not whole. Do all ranks run the same program?");
  const std::size_t before = column.size();
  column.resize(before + rows);
  if (rows > 0) std::memcpy(column.data() + before, body.data(), rows * sizeof(Value));
  bytes = body.subspan(rows * sizeof(Value));
}

}  // namespace annulus::rich
