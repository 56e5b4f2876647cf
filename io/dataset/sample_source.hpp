// Where samples come from: an HDF5 dataset, or a simulation that never ends. The loader knows only this
// interface.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "io/dataset/read_counts.hpp"
#include "io/dataset/row_set.hpp"

namespace annulus::io {

enum class PixelType { uint8, float32 };

/// Bytes of one value.
constexpr std::size_t size_of(PixelType type) { return type == PixelType::uint8 ? 1 : 4; }

/// How the images of a file are stored, where that is not plain.
struct StoredImages {
  Extents extents = {};             ///< (N, ...) as in the file; empty for a source without one
  std::string reversed_by = {};     ///< a program that writes axes in reverse: "MATLAB", "Octave"
  std::int64_t smallest_label = 0;  ///< before `first_label` was taken off; 0 without labels
  bool axes_named = false;          ///< the order of the axes was given, not guessed
};

/// Attributes of a dataset of images that say how its pixels were made: what one shows, under one shape, in
/// one file and another (rich/files/image_file.hpp).
inline constexpr std::array kFormAttributes{"window", "coordinates", "detectors", "clip"};

/// The files of a source that has many, for messages.
class RowsOfFiles {
 public:
  virtual ~RowsOfFiles() = default;
  /// "b.h5, row 12" for a row of the stored split, which is all of theirs, one after another.
  virtual std::string place(std::uint64_t row) const = 0;
  /// Whether one of the files has such a group; nothing: nobody has looked (DatasetOptions::look_for).
  virtual std::optional<bool> has(const std::string& group) const = 0;
};

/// What a source holds; the same on every rank.
struct SourceInfo {
  std::string name;           ///< for messages, e.g. "cifar10.h5:train"
  std::uint64_t samples = 0;  ///< N
  SampleShape shape;          ///< (H, W, C) of an image, or the length of a flat vector
  PixelType pixels = PixelType::uint8;
  std::vector<std::string> classes;  ///< names, index = label
  std::uint64_t chunk = 1;  ///< samples stored together; the shuffle keeps chunks together when chunk > 1
  bool resident = false;    ///< reading is a memory copy
  std::vector<NamedVector> vectors = {};  ///< float values beside the image of every sample
  /// Every epoch has samples of its own, already mixed: position p of epoch e is sample e * samples + p.
  bool endless = false;
  StoredImages stored = {};
  /// Which rows of the stored split the samples are, and how many of them each chunk holds; null: sample i is
  /// row i.
  std::shared_ptr<const RowSet> rows = {};
  /// Where the samples lie in chunks, when that is not side by side: every file begins with a chunk of its
  /// own, so of many files there are places that hold no sample. The chunks are those of the places. Null:
  /// they lie as `rows` says.
  std::shared_ptr<const RowSet> places = {};
  std::shared_ptr<const RowsOfFiles> files = {};  ///< null: one file, or none
  bool numbered = false;  ///< the data name no classes: `classes` are the numbers of the labels
  /// Names of the columns of each of `vectors`, as far as the data have them: as many as its length, or none.
  std::vector<std::vector<std::string>> columns = {};
  /// How the images were made, where that is known: "window scaled, clip 4" (kFormAttributes).
  std::string form = {};
  /// Names of the values of a flat vector, as far as the data have them: shape.channels, or none.
  std::vector<std::string> value_names = {};
  /// What images and vectors take in the file, where reading goes there; 0: they lie in memory or are made.
  std::uint64_t stored_bytes = 0;
};

/// The row of the file in which a sample lies, for messages.
inline std::uint64_t stored_row(const SourceInfo& info, std::uint64_t sample) {
  return info.rows == nullptr ? sample : info.rows->row(sample);
}

/// Bytes of one sample, its label aside.
inline std::uint64_t sample_bytes(const SourceInfo& info) {
  return static_cast<std::uint64_t>(info.shape.size()) * size_of(info.pixels) +
         static_cast<std::uint64_t>(total_length(info.vectors)) * sizeof(float);
}

/// Where samples are read to; n = their number.
struct SampleBuffers {
  std::span<std::byte> pixels;     ///< (n, H, W, C) of SourceInfo::pixels, channels last
  std::span<std::int32_t> labels;  ///< (n)
  std::span<float> vectors = {};   ///< (n, total_length(SourceInfo::vectors)); empty where nobody wants them
};

/// Reads samples by number. Nothing has a default: a source around another one passes every call on. `read`
/// is called from one thread at a time (the loader's I/O thread).
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual const SourceInfo& info() const = 0;
  /// Labels of all samples, where they are in memory anyway; else nothing.
  virtual std::span<const std::int32_t> all_labels() const = 0;
  /// A weight above or equal to 0 for each sample, where the data have such a column; else nothing.
  virtual std::span<const float> all_weights() const = 0;
  /// Reads samples by number, below SourceInfo::samples unless the source is endless.
  /// @throws DataError naming file, dataset and row
  virtual void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) = 0;
  /// Whether what was read so far is what was there when the source was opened; nothing to do for what lies
  /// in memory or is made. Cheap; called from any thread.
  /// @throws DataError when somebody has written to its file since
  virtual void check_unchanged() const = 0;
  /// Says that only these rows are going to be read, each as often as the set has it before they come again:
  /// what a reader keeps of a file can go with the last of them. Said anew where that changes. A hint: others
  /// may be read, at the cost of time.
  virtual void expect_rows(const std::shared_ptr<const RowSet>& rows) = 0;
  /// What read() has cost so far; asked on its thread.
  virtual ReadCounts read_counts() const = 0;
};

}  // namespace annulus::io
