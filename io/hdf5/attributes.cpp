// Attributes of groups and datasets: strings of both kinds, and scalar numbers.
#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

using Access = Hdf5Place::Access;

std::string attribute_place(const std::string& object, const std::string& name) {
  return "attribute " + name + " of " + object;
}

Hdf5Handle string_type(const Hdf5Place& place) {
  auto type = hdf5_handle("H5Tcopy", place, [] { return H5Tcopy(H5T_C_S1); });
  hdf5_call("H5Tset_size", place, [&] { return H5Tset_size(type.get(), H5T_VARIABLE); });
  hdf5_call("H5Tset_cset", place, [&] { return H5Tset_cset(type.get(), H5T_CSET_UTF8); });
  return type;
}

/// Values in an attribute, refusing what no sane file has.
std::size_t attribute_size(hid_t attribute, const Hdf5Place& place) {
  constexpr hssize_t kMost = 1'000'000;
  const auto space = hdf5_handle("H5Aget_space", place, [&] { return H5Aget_space(attribute); });
  const hssize_t size = hdf5_call("H5Sget_simple_extent_npoints", place,
                                  [&] { return H5Sget_simple_extent_npoints(space.get()); });
  if (size > kMost)
    throw DataError("{}, {}: claims {} values. The file is damaged; make it again.", place.file, place.object,
                    size);
  return static_cast<std::size_t>(size);
}

std::vector<std::string> read_variable_strings(hid_t attribute, hid_t type, std::size_t size,
                                               const Hdf5Place& place) {
  const auto space = hdf5_handle("H5Aget_space", place, [&] { return H5Aget_space(attribute); });
  std::vector<char*> pointers(size, nullptr);
  hdf5_call("H5Aread", place, [&] { return H5Aread(attribute, type, pointers.data()); });
  std::vector<std::string> values;
  values.reserve(size);
  for (const char* pointer : pointers) values.emplace_back(pointer != nullptr ? pointer : "");
  hdf5_call("H5Dvlen_reclaim", place,
            [&] { return H5Dvlen_reclaim(type, space.get(), H5P_DEFAULT, pointers.data()); });
  return values;
}

std::vector<std::string> read_fixed_strings(hid_t attribute, hid_t type, std::size_t size,
                                            const Hdf5Place& place) {
  constexpr std::size_t kLongest = 64 << 20;
  const std::size_t length = H5Tget_size(type);
  if (length == 0 || size > kLongest / length)
    throw DataError("{}, {}: claims {} strings of {} bytes. The file is damaged; make it again.", place.file,
                    place.object, size, length);
  std::string buffer(size * length, '\0');
  hdf5_call("H5Aread", place, [&] { return H5Aread(attribute, type, buffer.data()); });
  const bool space_padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < size; ++i) {
    std::string value = buffer.substr(i * length, length);
    value.resize(std::min(value.find('\0'), value.size()));
    if (space_padded) value.resize(value.find_last_not_of(' ') + 1);
    values.push_back(std::move(value));
  }
  return values;
}

herr_t collect_name(hid_t, const char* name, const H5A_info_t*, void* target) noexcept {
  static_cast<std::vector<std::string>*>(target)->emplace_back(name);
  return 0;
}

}  // namespace

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  if (process_) return process_->ask<bool>(Hdf5Request::has_attribute, object, name);
  return exists(object) &&
         hdf5_call("H5Aexists_by_name", {path_, attribute_place(object, name)}, [&] {
           return H5Aexists_by_name(handle_.get(), object.c_str(), name.c_str(), H5P_DEFAULT);
         }) > 0;
}

std::vector<std::string> Hdf5File::attributes(const std::string& object) const {
  if (process_) return process_->ask<std::vector<std::string>>(Hdf5Request::attributes, object);
  std::vector<std::string> names;
  hdf5_call("H5Aiterate_by_name", {path_, "attributes of " + object}, [&] {
    return H5Aiterate_by_name(handle_.get(), object.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
                              collect_name, &names, H5P_DEFAULT);
  });
  return names;
}

Hdf5Handle Hdf5File::open_attribute(const std::string& object, const std::string& name) const {
  if (!has_attribute(object, name))
    throw DataError("{}: {} has no attribute {}. Was the file written by another program or version?", path_,
                    object, name);
  return hdf5_handle("H5Aopen_by_name", {path_, attribute_place(object, name)}, [&] {
    return H5Aopen_by_name(handle_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  });
}

void Hdf5File::write_strings(const std::string& object, const std::string& name,
                             std::span<const std::string> values, const Extents& extents) {
  const Hdf5Place place{path_, attribute_place(object, name), Access::write};
  if (has_attribute(object, name))
    hdf5_call("H5Adelete_by_name", place,
              [&] { return H5Adelete_by_name(handle_.get(), object.c_str(), name.c_str(), H5P_DEFAULT); });
  const auto type = string_type(place);
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  const auto space = hdf5_handle("H5Screate", place, [&] {
    return sizes.empty() ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
  });
  const auto attribute = hdf5_handle("H5Acreate_by_name", place, [&] {
    return H5Acreate_by_name(handle_.get(), object.c_str(), name.c_str(), type.get(), space.get(),
                             H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  });
  if (values.empty()) return;
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  hdf5_call("H5Awrite", place, [&] { return H5Awrite(attribute.get(), type.get(), pointers.data()); });
}

void Hdf5File::write_number(const std::string& object, const std::string& name, ElementType type,
                            const void* value) {
  const Hdf5Place place{path_, attribute_place(object, name), Access::write};
  if (has_attribute(object, name))
    hdf5_call("H5Adelete_by_name", place,
              [&] { return H5Adelete_by_name(handle_.get(), object.c_str(), name.c_str(), H5P_DEFAULT); });
  const auto space = hdf5_handle("H5Screate", place, [] { return H5Screate(H5S_SCALAR); });
  const auto attribute = hdf5_handle("H5Acreate_by_name", place, [&] {
    return H5Acreate_by_name(handle_.get(), object.c_str(), name.c_str(), memory_type(type), space.get(),
                             H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  });
  hdf5_call("H5Awrite", place, [&] { return H5Awrite(attribute.get(), memory_type(type), value); });
}

void Hdf5File::read_number(const std::string& object, const std::string& name, ElementType type,
                           void* value) const {
  const Hdf5Place place{path_, attribute_place(object, name)};
  if (process_) {
    const auto bits = process_->ask<std::uint64_t>(Hdf5Request::number, object, name, type);
    std::memcpy(value, &bits, sizeof bits);
    return;
  }
  const auto attribute = open_attribute(object, name);
  const auto stored = hdf5_handle("H5Aget_type", place, [&] { return H5Aget_type(attribute.get()); });
  check_convertible(describe_type(static_cast<hid_t>(stored.get())), type, place);
  if (const std::size_t size = attribute_size(attribute.get(), place); size != 1)
    throw DataError("{}, {}: holds {} values where one is needed.", place.file, place.object, size);
  hdf5_call("H5Aread", place, [&] { return H5Aread(attribute.get(), memory_type(type), value); });
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, const std::string& value) {
  write_strings(object, name, {&value, 1}, {});
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, const char* value) {
  set_attribute(object, name, std::string(value));
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name,
                             const std::vector<std::string>& values) {
  write_strings(object, name, values, {static_cast<std::int64_t>(values.size())});
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::int64_t value) {
  write_number(object, name, ElementType::int64, &value);
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::uint64_t value) {
  write_number(object, name, ElementType::uint64, &value);
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, double value) {
  write_number(object, name, ElementType::float64, &value);
}

std::vector<std::string> Hdf5File::strings_attribute(const std::string& object,
                                                     const std::string& name) const {
  if (process_) return process_->ask<std::vector<std::string>>(Hdf5Request::strings, object, name);
  const Hdf5Place place{path_, attribute_place(object, name)};
  const auto attribute = open_attribute(object, name);
  const auto type = hdf5_handle("H5Aget_type", place, [&] { return H5Aget_type(attribute.get()); });
  if (H5Tget_class(type.get()) != H5T_STRING)
    throw DataError("{}, {}: is not text. Write it as a string or a list of strings.", place.file,
                    place.object);
  const std::size_t size = attribute_size(attribute.get(), place);
  if (size == 0) return {};
  const bool variable =
      hdf5_call("H5Tis_variable_str", place, [&] { return H5Tis_variable_str(type.get()); }) > 0;
  return variable ? read_variable_strings(attribute.get(), type.get(), size, place)
                  : read_fixed_strings(attribute.get(), type.get(), size, place);
}

std::string Hdf5File::string_attribute(const std::string& object, const std::string& name) const {
  std::vector<std::string> values = strings_attribute(object, name);
  if (values.size() == 1) return std::move(values.front());
  throw DataError("{}, {}: holds {} strings where one is needed.", path_, attribute_place(object, name),
                  values.size());
}

std::int64_t Hdf5File::int64_attribute(const std::string& object, const std::string& name) const {
  std::int64_t value = 0;
  read_number(object, name, ElementType::int64, &value);
  return value;
}

std::uint64_t Hdf5File::uint64_attribute(const std::string& object, const std::string& name) const {
  std::uint64_t value = 0;
  read_number(object, name, ElementType::uint64, &value);
  return value;
}

double Hdf5File::double_attribute(const std::string& object, const std::string& name) const {
  double value = 0;
  read_number(object, name, ElementType::float64, &value);
  return value;
}

}  // namespace annulus::io
