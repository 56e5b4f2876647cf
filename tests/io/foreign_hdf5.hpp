// What other programs write and this one does not, made by the HDF5 library's own calls.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/shape.hpp"

namespace annulus::io {

/// Opens a file that is there and closes it at the end.
class LibraryFile {
 public:
  explicit LibraryFile(const std::string& path) : id_(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)) {}
  ~LibraryFile() { H5Fclose(id_); }
  LibraryFile(const LibraryFile&) = delete;
  LibraryFile& operator=(const LibraryFile&) = delete;
  hid_t id() const { return id_; }

 private:
  hid_t id_;
};

/// numpy's bool, as h5py writes it. The caller closes the type.
inline hid_t make_bool_type() {
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  for (std::int8_t value : {0, 1}) H5Tenum_insert(type, value == 0 ? "FALSE" : "TRUE", &value);
  return type;
}

/// A dataset of bools; the groups above it are made.
inline void write_bools(const std::string& path, const std::string& name, const Extents& extents,
                        const std::vector<std::int8_t>& values) {
  const LibraryFile file(path);
  const hid_t type = make_bool_type();
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
  const hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  const hid_t dataset = H5Dcreate2(file.id(), name.c_str(), type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset), H5Pclose(links), H5Sclose(space), H5Tclose(type);
}

/// Two texts in a type of four bytes, without a zero byte behind the second.
/// @param write  puts them into the file: gets its id, the type and the space
template <class Write>
void write_fixed_texts(const std::string& path, H5T_str_t padding, Write&& write) {
  const LibraryFile file(path);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  H5Tset_strpad(type, padding);
  const hsize_t size = 2;
  const hid_t space = H5Screate_simple(1, &size, nullptr);
  write(file.id(), type, space);
  H5Sclose(space), H5Tclose(type);
}

}  // namespace annulus::io
