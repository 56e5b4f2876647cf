// The images and labels of one split, opened and validated: what the resident and the streaming source share.
// Internal to io/dataset.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Class names of a file: the root attribute `classes`, or none.
std::vector<std::string> class_names(const Hdf5File& file);

/// (H, W, C), or (values) of flat vectors, and pixel type of an images dataset. @throws DataError when it
/// holds no images
SampleShape image_shape(const DatasetInfo& images, const std::string& file, const std::string& name);
PixelType pixel_type(const DatasetInfo& images, const std::string& file, const std::string& name);

/// Reads the first `rows` labels. @throws DataError for values that are not class numbers, naming the row
/// @param classes  their number; 0 = unknown: anything from 0 up to a million is taken
std::vector<std::int32_t> read_labels(const Hdf5File& file, const std::string& name, std::uint64_t classes);

class DatasetColumns {
 public:
  /// Opens and validates all but the pixels.
  explicit DatasetColumns(const DatasetOptions& options);

  const SourceInfo& info() const { return info_; }
  std::size_t row_bytes() const { return row_bytes_; }
  /// Floats of all vectors of a sample.
  std::size_t vector_floats() const { return vector_floats_; }
  std::span<const std::int32_t> labels() const { return labels_; }
  /// Rows that are stored together, and whether they are (chunked layout).
  std::uint64_t chunk_rows() const { return chunk_rows_; }
  bool chunked() const { return !images_.info().chunk.empty(); }
  const std::string& path() const { return path_; }
  const std::string& images_name() const { return images_name_; }

  /// Reads rows [first, first + count) into `pixels`. @throws DataError naming the row of a NaN or infinity
  void read_pixels(std::uint64_t first, std::uint64_t count, std::span<std::byte> pixels) const;
  /// Reads the vectors of rows [first, first + count), (count, vector_floats()). @throws as read_pixels()
  void read_vectors(std::uint64_t first, std::uint64_t count, std::span<float> vectors) const;

 private:
  struct Vector {
    std::string name;
    Hdf5Dataset dataset;
    std::size_t length = 0;
  };
  void open_vectors(const DatasetOptions& options);
  std::size_t first_refused(std::span<const float> values) const;

  std::string path_;
  std::string images_name_;
  NotFinite not_finite_;
  Hdf5File file_;
  Hdf5Dataset images_;
  SourceInfo info_;
  std::size_t row_bytes_ = 0;
  std::uint64_t chunk_rows_ = 1;
  std::vector<std::int32_t> labels_;
  std::vector<Vector> vectors_;
  std::size_t vector_floats_ = 0;
};

}  // namespace annulus::io
