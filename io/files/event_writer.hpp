// Scalars for TensorBoard: an event file is a row of TFRecords, each an Event message in protobuf.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace annulus::io {

/// CRC-32C (Castagnoli) of `bytes`, as RFC 3720 appendix B.4 defines it.
std::uint32_t crc32c(std::string_view bytes);

/// One record: length, its masked checksum, data, their masked checksum; little-endian
/// (github.com/tensorflow/tensorflow, core/lib/io/record_writer.h).
std::string tf_record(std::string_view data);

struct Scalar {
  std::string tag;  ///< "train/loss": TensorBoard groups by the part before the slash
  double value = 0;
};

class EventWriter {
 public:
  /// Creates a new file events.out.tfevents.TIME.HOST in a directory that exists. TIME is in seconds since
  /// 1970: now, or, where a file is there whose name has as late a time, a second more than that.
  /// @throws RuntimeError when it cannot be written
  explicit EventWriter(const std::filesystem::path& directory);

  const std::filesystem::path& path() const { return path_; }

  /// Tells TensorBoard to forget what earlier files of the directory say from `step` on.
  void restart_at(std::uint64_t step);
  /// Writes all scalars of a step, visible to readers at once. @throws RuntimeError, e.g. when the disk is
  /// full
  void write(std::uint64_t step, std::span<const Scalar> scalars);

 private:
  void append(const std::string& message);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace annulus::io
