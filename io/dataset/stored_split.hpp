// A split as it lies on disk, in one file or in many: what the resident and the streaming source share.
// Internal to io/dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/types.hpp"

namespace annulus::io {

/// Samples count from 0 through all files; they lie in chunks, which are read as a whole.
class StoredSplit {
 public:
  virtual ~StoredSplit() = default;
  virtual const SourceInfo& info() const = 0;
  virtual std::size_t row_bytes() const = 0;
  /// Floats of all vectors of a sample.
  virtual std::size_t vector_floats() const = 0;
  virtual std::span<const std::int32_t> labels() const = 0;
  virtual std::span<const float> weights() const = 0;
  /// What was converted and what looks odd: sentences for the log.
  virtual const std::vector<std::string>& notes() const = 0;

  /// Whether rows are stored, or at least to be read, together; of other data any run of rows costs the same.
  virtual bool chunked() const = 0;
  /// Rows of the longest chunk.
  virtual std::uint64_t chunk_rows() const = 0;
  virtual std::uint64_t chunks() const = 0;
  virtual std::uint64_t chunk_of(std::uint64_t sample) const = 0;
  /// First sample of a chunk; of chunks() the number of samples.
  virtual std::uint64_t chunk_begin(std::uint64_t chunk) const = 0;

  /// Samples [first, first + count), and where they go.
  struct Piece {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    std::span<std::byte> pixels;  ///< count * row_bytes()
    std::span<float> vectors;     ///< (count, vector_floats())
  };
  /// Reads several pieces, whole chunks of them unpacked side by side. @return bytes of the files, as they
  /// store them @throws DataError naming file and row of what is damaged, missing, NaN or infinite
  virtual std::uint64_t read_pieces(std::span<const Piece> pieces) const = 0;
  /// What images and vectors of all samples take in the files.
  virtual std::uint64_t stored_bytes() const = 0;
  /// To be called after reading; from any thread. @throws DataError when somebody has written to a file since
  /// the split was opened
  virtual void check_unchanged() const = 0;

  /// The images of a file, for messages.
  virtual const std::string& path() const = 0;
  virtual const std::string& images_name() const = 0;
  virtual const DatasetInfo& images() const = 0;
};

/// The split in options.path. @throws DataError
std::unique_ptr<StoredSplit> open_one_file(const DatasetOptions& options);

}  // namespace annulus::io
