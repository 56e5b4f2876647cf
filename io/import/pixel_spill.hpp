// Decoded images of equal size, kept in an unnamed file until their order is known: memory stays small
// however many there are. Internal to io/import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/files/descriptor.hpp"

namespace annulus::io {

/// Slots of equal size; different threads may use different slots at the same time.
class PixelSpill {
 public:
  /// @param beside  the file lies in the folder of this path; it has no name and vanishes with the process
  /// @throws RuntimeError when it cannot be made
  PixelSpill(const std::string& beside, std::size_t slot_bytes);

  std::size_t slot_bytes() const { return slot_bytes_; }
  /// @throws RuntimeError, for example when the disk is full
  void write(std::uint64_t slot, std::span<const std::byte> pixels) const;
  void read(std::uint64_t slot, std::span<std::byte> pixels) const;

 private:
  std::string place_;  ///< for messages
  std::size_t slot_bytes_;
  Descriptor file_;
};

}  // namespace annulus::io
