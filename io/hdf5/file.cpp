// Files, groups and the making of datasets; attributes are in attributes.cpp.
#include "io/hdf5/file.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "io/files/path_parts.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

using Access = Hdf5Place::Access;

void collect_datasets(const Hdf5File& file, const std::string& group, int depth, std::size_t most,
                      std::vector<std::string>& found) {
  for (const std::string& member : file.members(group.empty() ? "/" : group)) {
    if (found.size() >= most) return;
    const std::string path = group.empty() ? member : group + "/" + member;
    if (!file.exists(path)) continue;
    if (file.is_dataset(path))
      found.push_back(path);
    else if (depth > 1)
      collect_datasets(file, path, depth - 1, most, found);
  }
}

[[noreturn]] void throw_missing(const Hdf5File& file, const std::string& name) {
  if (file.leads_elsewhere(name))
    throw DataError(
        "{0}: {1} is a link into another file, which is not followed: it could be any file. Bring all into one file with `h5repack --merge {0} NEW.h5`, in a folder where the link leads to its file (or {1} alone with `h5copy -f ext`).",
        file.path(), name);
  constexpr int kDeepest = 9;
  constexpr std::size_t kEnough = 200;
  std::vector<std::string> found;
  collect_datasets(file, "", kDeepest, kEnough, found);
  if (found.empty())
    throw DataError("{}: there is no dataset {}, and none at all. Is this the right file?", file.path(),
                    name);
  const std::string nearest = nearest_name(name, found);
  constexpr std::size_t kShown = 20;
  const bool more = found.size() > kShown;
  if (more) found.resize(kShown);
  throw DataError("{}: there is no dataset {}. It holds {}{}.{}", file.path(), name, shown_names(found),
                  more ? ", ..." : "",
                  nearest.empty() ? "" : fmt::format(" Did you mean {}?", shown_name(nearest)));
}

/// The library's own rule: these bytes at the beginning, or at 512, 1024, 2048 and so on.
bool has_signature(const std::string& path, std::uint64_t size) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n");
  std::ifstream file(path, std::ios::binary);
  for (std::uint64_t at = 0; at < size; at = at == 0 ? 512 : 2 * at) {
    std::string bytes(kSignature.size(), '\0');
    file.seekg(static_cast<std::streamoff>(at));
    if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return false;
    if (bytes == kSignature) return true;
  }
  return false;
}

/// Says plainly what HDF5 would say at length.
void check_readable(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    throw DataError("{}: no such file. Check the path; `annulus data import` makes a dataset.", path);
  if (std::filesystem::is_directory(status))
    throw DataError("{}: is a folder, but an HDF5 file is needed. Name the file inside it.", path);
  if (!std::filesystem::is_regular_file(status))
    throw DataError("{}: is a device or a pipe, but an HDF5 file is needed. Copy it to a file first.", path);
  if (::access(path.c_str(), R_OK) != 0)
    throw DataError("{}: cannot be opened ({}). Check its permissions.", path, std::strerror(errno));
  if (!has_signature(path, std::filesystem::file_size(path, error)))
    throw DataError(
        "{}: is not an HDF5 file, or lost its beginning. Images, archives and IDX files become one with `annulus data import`.",
        path);
}

Hdf5Handle creation_properties(const Extents& extents, const Hdf5Layout& layout, const Hdf5Place& place) {
  auto plist = hdf5_handle("H5Pcreate", place, [] { return H5Pcreate(H5P_DATASET_CREATE); });
  // Without times the same contents give the same file.
  hdf5_call("H5Pset_obj_track_times", place, [&] { return H5Pset_obj_track_times(plist.get(), false); });
  if (layout.chunk_rows <= 0) {
    const bool contiguous = layout.deflate == 0 && layout.growth == Hdf5Layout::Growth::fixed;
    expect_contract(contiguous, "compressed and extendable datasets have chunks");
    return plist;
  }
  std::vector<hsize_t> chunk(extents.begin(), extents.end());
  chunk.at(0) = static_cast<hsize_t>(layout.chunk_rows);
  hdf5_call("H5Pset_chunk", place,
            [&] { return H5Pset_chunk(plist.get(), static_cast<int>(chunk.size()), chunk.data()); });
  if (layout.deflate > 0)
    hdf5_call("H5Pset_deflate", place,
              [&] { return H5Pset_deflate(plist.get(), static_cast<unsigned>(layout.deflate)); });
  return plist;
}

Hdf5Handle creation_space(const Extents& extents, const Hdf5Layout& layout, const Hdf5Place& place) {
  if (extents.empty()) return hdf5_handle("H5Screate", place, [] { return H5Screate(H5S_SCALAR); });
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  std::vector<hsize_t> limits = sizes;
  if (layout.growth == Hdf5Layout::Growth::extendable) limits[0] = H5S_UNLIMITED;
  return hdf5_handle("H5Screate_simple", place, [&] {
    return H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), limits.data());
  });
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* target) noexcept {
  static_cast<std::vector<std::string>*>(target)->emplace_back(name);
  return 0;
}

H5L_type_t link_type(hid_t file, const std::string& name, const Hdf5Place& place) {
  H5L_info_t info;
  hdf5_call("H5Lget_info", place, [&] { return H5Lget_info(file, name.c_str(), &info, H5P_DEFAULT); });
  return info.type;
}

/// Without opening it: a dataset whose form the library does not know is one still.
H5O_type_t object_type(hid_t file, const std::string& name, const Hdf5Place& place) {
  H5O_info_t info;
  hdf5_call("H5Oget_info_by_name", place, [&] {
#if H5_VERSION_GE(1, 12, 0)
    return H5Oget_info_by_name(file, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT);
#else
    return H5Oget_info_by_name2(file, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT);
#endif
  });
  return info.type;
}

/// Hard and soft links stay in their file; external and user-defined ones need not.
bool stays_within(H5L_type_t link) { return link == H5L_TYPE_HARD || link == H5L_TYPE_SOFT; }

Hdf5Handle open_file(const std::string& path, unsigned mode, const Hdf5Place& place) {
  const auto plist = hdf5_handle("H5Pcreate", place, [] { return H5Pcreate(H5P_FILE_ACCESS); });
  hdf5_call("H5Pset_file_locking", place, [&] { return H5Pset_file_locking(plist.get(), false, true); });
  return hdf5_handle("H5Fopen", place, [&] { return H5Fopen(path.c_str(), mode, plist.get()); });
}

/// How far a name leads into a file.
enum class Walk { found, missing, dangling, elsewhere };

/// Follows a name link by link: the library fails, instead of answering no, when a parent is missing. Each is
/// looked up in the group that it is in, not from the root: groups may be nested hundreds deep.
Walk walk(hid_t file, const std::string& name, const Hdf5Place& place) {
  std::optional<Hdf5Handle> group;
  const std::vector<std::string> parts = path_parts(name);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (parts[k] == ".") continue;
    const hid_t parent = group ? group->get() : file;
    const char* const part = parts[k].c_str();
    if (hdf5_call("H5Lexists", place, [&] { return H5Lexists(parent, part, H5P_DEFAULT); }) == 0)
      return Walk::missing;
    const H5L_type_t link = link_type(parent, parts[k], place);
    if (!stays_within(link)) return Walk::elsewhere;
    const htri_t found = H5Oexists_by_name(parent, part, H5P_DEFAULT);
    if (found < 0 && link == H5L_TYPE_HARD) throw_hdf5_error("H5Oexists_by_name", place);
    if (found <= 0) return Walk::dangling;  // or a link out of the file by way of another one
    if (k + 1 < parts.size())
      group = hdf5_handle("H5Oopen", place, [&] { return H5Oopen(parent, part, H5P_DEFAULT); });
  }
  return Walk::found;
}

Hdf5Handle parents_created(const Hdf5Place& place) {
  auto plist = hdf5_handle("H5Pcreate", place, [] { return H5Pcreate(H5P_LINK_CREATE); });
  hdf5_call("H5Pset_create_intermediate_group", place,
            [&] { return H5Pset_create_intermediate_group(plist.get(), 1); });
  return plist;
}

}  // namespace

Hdf5File::Hdf5File(Hdf5Handle handle, std::string path, std::shared_ptr<Hdf5Process> process)
    : handle_(std::move(handle)), path_(std::move(path)), process_(std::move(process)) {}

Hdf5File Hdf5File::open(const std::string& path) {
  check_readable(path);
  return open_by(path, Hdf5Process::reading(path));
}

void Hdf5File::require_readable(const std::string& path) { check_readable(path); }

Hdf5File Hdf5File::open_by(const std::string& path, std::shared_ptr<Hdf5Process> process) {
  if (!process) return open_own(path);
  process->ask<bool>(Hdf5Request::open);
  return {Hdf5Handle(), path, std::move(process)};
}

Hdf5File Hdf5File::open_own(const std::string& path) {
  check_readable(path);
  return {open_file(path, H5F_ACC_RDONLY, {path, ""}), path};
}

/// By /proc: the library opens by name alone, and the name may stand for another file by now, or be out of
/// this process' reach.
Hdf5File Hdf5File::open_descriptor(int descriptor, const std::string& path) {
  return {open_file(fmt::format("/proc/self/fd/{}", descriptor), H5F_ACC_RDONLY, {path, ""}), path};
}

Hdf5File Hdf5File::open_to_change(const std::string& path) {
  check_readable(path);
  if (const auto process = Hdf5Process::reading(path)) process->ask<bool>(Hdf5Request::touch);
  return {open_file(path, H5F_ACC_RDWR, {path, ""}), path};
}

Hdf5File Hdf5File::create(const std::string& path, Existing existing) {
  const Hdf5Place place{path, "", Access::write};
  if (existing == Existing::refuse && std::filesystem::exists(path))
    throw RuntimeError("{}: exists already and is not overwritten. Choose another name, or remove it.", path);
  const auto plist = hdf5_handle("H5Pcreate", place, [] { return H5Pcreate(H5P_FILE_ACCESS); });
  hdf5_call("H5Pset_file_locking", place, [&] { return H5Pset_file_locking(plist.get(), false, true); });
  const unsigned mode = existing == Existing::refuse ? H5F_ACC_EXCL : H5F_ACC_TRUNC;
  return {hdf5_handle("H5Fcreate", place,
                      [&] { return H5Fcreate(path.c_str(), mode, H5P_DEFAULT, plist.get()); }),
          path};
}

void Hdf5File::create_group(const std::string& name) {
  const Hdf5Place place{path_, name, Access::write};
  const auto parents = parents_created(place);
  hdf5_handle("H5Gcreate2", place, [&] {
    return H5Gcreate2(handle_.get(), name.c_str(), parents.get(), H5P_DEFAULT, H5P_DEFAULT);
  });
}

bool Hdf5File::exists(const std::string& name) const {
  if (process_) return process_->ask<bool>(Hdf5Request::exists, name);
  return walk(handle_.get(), name, {path_, name}) == Walk::found;
}

bool Hdf5File::leads_elsewhere(const std::string& name) const {
  if (process_) return process_->ask<bool>(Hdf5Request::leads_elsewhere, name);
  return walk(handle_.get(), name, {path_, name}) == Walk::elsewhere;
}

bool Hdf5File::is_dataset(const std::string& name) const {
  if (process_) return process_->ask<bool>(Hdf5Request::is_dataset, name);
  if (!exists(name)) return false;
  return object_type(handle_.get(), name, {path_, name}) == H5O_TYPE_DATASET;
}

std::vector<std::string> Hdf5File::members(const std::string& group) const {
  if (process_) return process_->ask<std::vector<std::string>>(Hdf5Request::members, group);
  const Hdf5Place place{path_, group};
  const auto object =
      hdf5_handle("H5Oopen", place, [&] { return H5Oopen(handle_.get(), group.c_str(), H5P_DEFAULT); });
  if (H5Iget_type(object.get()) != H5I_GROUP) return {};
  std::vector<std::string> names;
  hdf5_call("H5Literate", place, [&] {
    return H5Literate(object.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_name, &names);
  });
  return names;
}

std::vector<std::string> Hdf5File::datasets(const std::string& group, int depth) const {
  std::vector<std::string> found;
  if (exists(group)) collect_datasets(*this, group, depth, std::numeric_limits<std::size_t>::max(), found);
  return found;
}

Hdf5Dataset Hdf5File::dataset(const std::string& name) const {
  if (process_) return {process_, path_, name};
  if (!exists(name)) throw_missing(*this, name);
  if (object_type(handle_.get(), name, {path_, name}) != H5O_TYPE_DATASET)
    throw DataError("{}: {} is a group, but a dataset is needed. It holds {}.", path_, name,
                    shown_names(members(name)));
  auto handle = hdf5_handle("H5Dopen2", {path_, name},
                            [&] { return H5Dopen2(handle_.get(), name.c_str(), H5P_DEFAULT); });
  return {std::move(handle), path_, name};
}

Hdf5Dataset Hdf5File::create_dataset(const std::string& name, ElementType type, const Extents& extents,
                                     const Hdf5Layout& layout) {
  const Hdf5Place place{path_, name, Access::write};
  const auto parents = parents_created(place);
  const auto plist = creation_properties(extents, layout, place);
  const auto space = creation_space(extents, layout, place);
  auto handle = hdf5_handle("H5Dcreate2", place, [&] {
    return H5Dcreate2(handle_.get(), name.c_str(), memory_type(type), space.get(), parents.get(), plist.get(),
                      H5P_DEFAULT);
  });
  return {std::move(handle), path_, name};
}

std::size_t Hdf5File::checked_size(const Hdf5Dataset& source, const std::string& name) const {
  return checked_bytes(source.info(), path_, name, Sparse::refuse) /
         std::max<std::size_t>(1, source.info().type.bytes);
}

void Hdf5File::flush() {
  check_closes(handle_.get(), path_);  // nothing may be asked of such a file any more
  hdf5_call("H5Fflush", {path_, "", Access::write},
            [&] { return H5Fflush(handle_.get(), H5F_SCOPE_GLOBAL); });
  check_closes(handle_.get(), path_);
}

void Hdf5File::close() {
  flush();
  const Hdf5Handle::type id = handle_.release();
  hdf5_call("H5Fclose", {path_, "", Access::write}, [&] { return H5Fclose(id); });
}

}  // namespace annulus::io
