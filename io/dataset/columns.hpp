// The images and labels of one split, opened and validated: what the resident and the streaming source share.
// Internal to io/dataset.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/dataset/axes.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/stored_split.hpp"
#include "io/files/unchanged_file.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Class names of a file: the root attribute `classes`, or the text of a dataset `classes`, or none.
std::vector<std::string> class_names(const Hdf5File& file);

/// Where people put them instead: the attribute `classes` of the group of a split, or of its labels.
struct SplitClasses {
  std::vector<std::string> names;  ///< none: neither has such a list
  std::string object;              ///< that has it
};
SplitClasses split_classes(const Hdf5File& file, const std::string& images, const std::string& labels);

/// (H, W, C), or (values) of flat vectors, of an images dataset. @throws DataError when it holds no images
SampleShape image_shape(const DatasetInfo& images, const std::string& file, const std::string& name,
                        ImageAxes axes = ImageAxes::automatic);

/// What the labels of a file without names are called: the numbers that it has for them.
/// @param first  of the first class
std::vector<std::string> numbered_classes(std::span<const std::int32_t> labels, std::int64_t first);

class DatasetColumns {
 public:
  /// Opens and validates all but the pixels.
  explicit DatasetColumns(const DatasetOptions& options);
  /// The same of a file that is open. @param labels  that holds the labels; null: this one
  DatasetColumns(const DatasetOptions& options, Hdf5File file, const Hdf5File* labels);

  const SourceInfo& info() const { return info_; }
  std::size_t row_bytes() const { return row_bytes_; }
  /// Floats of all vectors of a sample.
  std::size_t vector_floats() const { return vector_floats_; }
  std::span<const std::int32_t> labels() const { return labels_; }
  std::span<const float> weights() const { return weights_; }
  /// Rows that are stored together, and whether they are (chunked layout).
  std::uint64_t chunk_rows() const { return chunk_rows_; }
  bool chunked() const { return !images().chunk.empty(); }
  const std::string& path() const { return path_; }
  const std::string& images_name() const { return images_name_; }
  /// The dataset of the images as if these were its first axis.
  const DatasetInfo& images() const { return counted_; }
  /// What was converted and what looks odd: sentences for the log.
  const std::vector<std::string>& notes() const { return notes_; }
  /// To be called after reading. @throws DataError when somebody has written to the file since it was opened
  void check_unchanged() const { unchanged_.check(); }
  const UnchangedFile& version() const { return unchanged_; }

  using Piece = StoredSplit::Piece;
  /// Reads several pieces, whole chunks of them unpacked side by side. @return bytes of the file, as it
  /// stores them @throws DataError as read_pixels()
  std::uint64_t read_pieces(std::span<const Piece> pieces) const;
  /// What images and vectors of all samples take in the file.
  std::uint64_t stored_bytes() const;
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
  void name_classes(const DatasetOptions& options, const Hdf5File& labels);
  void note_images(ImageAxes axes);
  void note_axes(ImageAxes axes, const std::string& place);
  void open_labels(const DatasetOptions& options, const Hdf5File& file);
  void open_vectors(const DatasetOptions& options);
  std::size_t first_refused(std::span<const float> values) const;
  std::uint64_t read_images_last(std::uint64_t first, std::uint64_t count, std::span<std::byte> pixels) const;
  void finish_pixels(std::uint64_t first, std::span<std::byte> pixels) const;

  std::string path_;
  std::string images_name_;
  NotFinite not_finite_;
  Hdf5File file_;
  UnchangedFile unchanged_;  ///< opened before anything is read
  Hdf5Dataset images_;
  DatasetInfo counted_;       ///< see images()
  bool images_last_ = false;  ///< they are counted by the last axis
  SourceInfo info_;
  AxisOrder order_;
  std::vector<std::string> notes_;
  std::size_t row_bytes_ = 0;
  std::uint64_t chunk_rows_ = 1;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;  ///< of the samples; empty where they have none
  std::vector<Vector> vectors_;
  std::size_t vector_floats_ = 0;
};

}  // namespace annulus::io
