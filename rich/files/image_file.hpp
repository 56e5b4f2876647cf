// Training rows in HDF5: groups `train`, `validation` and `test` of a file, which io::open_dataset reads.
// They stand in an event file beside the events, or in a file of their own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"
#include "rich/images/image_columns.hpp"

namespace annulus::rich {

/// A kind of image and the name of its dataset.
struct NamedImages {
  std::string name;
  CoronaOptions options;
};

/// What event files hold: `images`, both RICHes as a network sees them best, and `rich1_images`, the
/// lecture's.
const std::vector<NamedImages>& event_file_images();

/// Appends rows to the groups of a file. A split without rows gets no group.
class ImageGroups {
 public:
  /// Writes what readers of datasets look for at the root: the names of the classes.
  /// @param file  outlives it   @param kinds  as in the rows that follow
  ImageGroups(io::Hdf5File& file, std::vector<NamedImages> kinds);

  void append(const ImagesBySplit& images);

 private:
  void append(const std::string& split, const ImageColumns& columns);
  template <class Value>
  void append(const std::string& name, const std::vector<std::int64_t>& row,
              const std::vector<Value>& values);
  void describe(const std::string& split);

  io::Hdf5File& file_;
  std::vector<NamedImages> kinds_;
  std::map<std::string, io::Hdf5Dataset> datasets_;
};

/// Writes a file of training rows alone, complete or absent.
class ImageWriter {
 public:
  /// Starts PATH.partial. @param events  the file that they are made from, for the description
  /// @throws UsageError when the file exists and is not to be replaced
  ImageWriter(const std::string& path, io::Existing existing, const CoronaOptions& kind,
              const std::string& events);

  void append(const ImagesBySplit& images) { groups_->append(images); }
  /// Syncs and renames. The writer is done.
  void commit();

 private:
  io::AtomicFile target_;
  std::optional<io::Hdf5File> file_;
  std::optional<ImageGroups> groups_;
};

}  // namespace annulus::rich
