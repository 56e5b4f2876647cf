// Writes a dataset file: groups of images and labels, complete or absent.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset/parts.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Value of the root attribute `schema`.
inline constexpr const char* kDatasetSchema = "annulus-dataset-1";

/// Names the classes of a file: by the root attribute `classes`, or, when they are more than an attribute
/// holds, by a dataset `classes` of text.
void set_class_names(Hdf5File& file, const std::vector<std::string>& classes);

struct DatasetSpec {
  SampleShape shape;
  PixelType pixels = PixelType::uint8;
  std::vector<std::string> classes;  ///< names, index = label
  std::string description;
  std::vector<std::pair<std::string, std::string>> provenance;  ///< root attributes provenance_<key>
  std::int64_t chunk_rows = 128;                                ///< images stored together
  int deflate = 0;                                              ///< gzip level; 0 reads 5 times faster
  std::vector<std::string> columns = {};  ///< names of the values of flat samples, or none
  bool labelled = true;                   ///< false: neither labels nor classes are written
  Part part = {};                         ///< of a data set in several files
};

class DatasetWriter {
 public:
  /// Starts `path`.partial. @throws UsageError when the file exists and is not to be replaced
  DatasetWriter(const std::string& path, Existing existing, DatasetSpec spec);

  /// Appends rows to a split ("train", "validation", "test").
  /// @param pixels  labels.size() * H * W * C values of spec.pixels, channels last
  /// @param labels  only counted where the file has none   @throws DataError when a label has no class
  void append(const std::string& split, std::span<const std::byte> pixels,
              std::span<const std::int32_t> labels);

  /// The same without labels: of a split that has none. @param count  images
  void append_images(const std::string& split, std::span<const std::byte> pixels, std::uint64_t count);

  /// Appends rows to a further dataset of a split, which belong to its images.
  /// @param extents  (any, values of a row...); the first append makes the dataset
  /// @param values  whole rows of the type
  void append_values(const std::string& dataset, ElementType type, const Extents& extents,
                     std::span<const std::byte> values);

  /// What is written so far: for attributes of datasets that have rows.
  Hdf5File& file() { return *file_; }

  /// What is written to until then.
  const std::string& partial() const { return target_.partial(); }
  /// Syncs and renames. The writer is done.
  void commit();

 private:
  Hdf5Dataset& column(const std::string& name, ElementType type, const Extents& extents);

  AtomicFile target_;
  DatasetSpec spec_;
  std::optional<Hdf5File> file_;
  std::map<std::string, Hdf5Dataset> columns_;
};

}  // namespace annulus::io
