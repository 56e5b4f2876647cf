// Arrays that NumPy has saved: .npy files, and .npz archives of them. Values stay on the disk until they are
// asked for. Internal to io/import.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "io/files/descriptor.hpp"
#include "io/import/numpy_value.hpp"

namespace annulus::io {

/// The beginning of a .npy file.
struct NumpyHeader {
  NumpyType type;
  Extents extents;
  bool fortran = false;            ///< the first index runs fastest
  std::uint64_t header_bytes = 0;  ///< what follows are the values
  std::uint64_t value_bytes = 0;   ///< of all of them
};

/// Of formats 1.0 to 3.0.
/// @param beginning  of the file: all of it, or at least `kNumpyBeginning` bytes
/// @throws DataError for what is not .npy, or holds anything but numbers; objects are named as such
NumpyHeader parse_numpy_header(std::span<const std::byte> beginning, const std::string& place);
inline constexpr std::size_t kNumpyBeginning = 1 << 16;

/// An array and where its values lie.
struct NumpyArray {
  std::string place;  ///< "mnist.npz, x_train"
  NumpyHeader header;
  std::shared_ptr<const Descriptor> file;
  std::uint64_t offset = 0;  ///< of the values in the file

  std::uint64_t rows() const { return static_cast<std::uint64_t>(header.extents.at(0)); }
};

/// @throws DataError when it is none, or shorter than its header says
NumpyArray open_npy(const std::string& path);

/// The arrays of an archive.
class NumpyArchive {
 public:
  /// Reads what arrays there are. @throws DataError when it is not a zip file, or a damaged one
  explicit NumpyArchive(std::string path);

  /// In order of the archive, without ".npy". Other files are not among them.
  const std::vector<std::string>& names() const { return names_; }
  /// Unpacks arrays into an unnamed file beside a path.
  /// @throws DataError for those that hold no numbers, are damaged or missing
  /// @throws RuntimeError when there is not enough space
  std::vector<NumpyArray> unpack(const std::vector<std::string>& names, const std::string& beside) const;

 private:
  std::string path_;
  std::vector<std::string> names_;
};

}  // namespace annulus::io
