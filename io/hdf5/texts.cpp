// Datasets of strings.
#include <algorithm>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

using Access = Hdf5Place::Access;

Hdf5Handle string_type(std::size_t bytes, const Hdf5Place& place) {
  auto type = hdf5_handle("H5Tcopy", place, [] { return H5Tcopy(H5T_C_S1); });
  hdf5_call("H5Tset_size", place, [&] { return H5Tset_size(type.get(), bytes); });
  hdf5_call("H5Tset_cset", place, [&] { return H5Tset_cset(type.get(), H5T_CSET_UTF8); });
  return type;
}

std::vector<std::string> read_variable(hid_t dataset, hid_t type, std::size_t count, const Hdf5Place& place) {
  const auto space = hdf5_handle("H5Dget_space", place, [&] { return H5Dget_space(dataset); });
  std::vector<char*> pointers(count, nullptr);
  hdf5_call("H5Dread", place,
            [&] { return H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()); });
  std::vector<std::string> values;
  values.reserve(count);
  for (const char* pointer : pointers) values.emplace_back(pointer != nullptr ? pointer : "");
  hdf5_call("H5Dvlen_reclaim", place,
            [&] { return H5Dvlen_reclaim(type, space.get(), H5P_DEFAULT, pointers.data()); });
  return values;
}

std::vector<std::string> read_fixed(hid_t dataset, hid_t type, std::size_t count, const Hdf5Place& place) {
  constexpr std::size_t kMostBytes = 64 << 20;
  const std::size_t length = H5Tget_size(type);
  if (length == 0 || count > kMostBytes / length)
    throw DataError("{}, {}: claims {} strings of {} bytes. The file is damaged; make it again.", place.file,
                    place.object, count, length);
  std::string buffer(count * length, '\0');
  hdf5_call("H5Dread", place,
            [&] { return H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data()); });
  const bool space_padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  std::vector<std::string> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string value = buffer.substr(i * length, length);
    value.resize(std::min(value.find('\0'), value.size()));
    if (space_padded) value.resize(value.find_last_not_of(' ') + 1);
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

void Hdf5File::write_texts(const std::string& name, const std::vector<std::string>& values) {
  const Hdf5Place place{path_, name, Access::write};
  const auto type = string_type(H5T_VARIABLE, place);
  const hsize_t size = values.size();
  const auto space =
      hdf5_handle("H5Screate_simple", place, [&] { return H5Screate_simple(1, &size, nullptr); });
  const auto plist = hdf5_handle("H5Pcreate", place, [] { return H5Pcreate(H5P_DATASET_CREATE); });
  // Without times the same contents give the same file.
  hdf5_call("H5Pset_obj_track_times", place, [&] { return H5Pset_obj_track_times(plist.get(), false); });
  const auto dataset = hdf5_handle("H5Dcreate2", place, [&] {
    return H5Dcreate2(handle_.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, plist.get(),
                      H5P_DEFAULT);
  });
  if (values.empty()) return;
  std::vector<const char*> pointers;
  pointers.reserve(values.size());
  for (const std::string& value : values) pointers.push_back(value.c_str());
  hdf5_call("H5Dwrite", place, [&] {
    return H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data());
  });
}

std::vector<std::string> Hdf5File::texts(const std::string& name) const {
  if (process_) return process_->ask<std::vector<std::string>>(Hdf5Request::texts, name);
  constexpr std::uint64_t kMost = 1'000'000;
  const Hdf5Place place{path_, name};
  const Hdf5Dataset source = dataset(name);
  const auto type = hdf5_handle("H5Dget_type", place, [&] { return H5Dget_type(source.handle_.get()); });
  if (H5Tget_class(type.get()) != H5T_STRING) return {};
  checked_bytes(source.info(), path_, name);
  std::uint64_t count = 1;
  for (const std::int64_t extent : source.info().extents) count *= static_cast<std::uint64_t>(extent);
  if (count > kMost)
    throw DataError("{}, {}: claims {} strings, which no list of names has. Is this the right file?", path_,
                    name, count);
  if (count == 0) return {};
  const bool variable =
      hdf5_call("H5Tis_variable_str", place, [&] { return H5Tis_variable_str(type.get()); }) > 0;
  return variable ? read_variable(source.handle_.get(), type.get(), count, place)
                  : read_fixed(source.handle_.get(), type.get(), count, place);
}

}  // namespace annulus::io
