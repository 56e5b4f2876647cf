// Error stack, types and identifiers of HDF5.
#include "io/hdf5/library.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/hdf5/advice.hpp"
#include "io/hdf5/lzf_filter.hpp"

#if !H5_VERSION_GE(1, 10, 7) || (H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
#error "HDF5 1.10.7 or newer (and not 1.12.0) is needed: older ones cannot open a file without locking it."
#endif

namespace annulus::io {
namespace {

/// Entries about system calls list every argument; what was tried and the system's message say enough.
std::string without_arguments(const std::string& text) {
  constexpr std::string_view kMessage = "error message = '";
  const std::size_t message = text.find(kMessage);
  if (message == std::string::npos) return text;
  const std::size_t begin = message + kMessage.size();
  return fmt::format("{}: {}", text.substr(0, text.find_first_of(":,")),
                     text.substr(begin, text.find('\'', begin) - begin));
}

herr_t collect_description(unsigned, const H5E_error2_t* entry, void* target) noexcept {
  auto& lines = *static_cast<std::vector<std::string>*>(target);
  std::string text = without_arguments(entry->desc != nullptr ? entry->desc : "");
  std::ranges::replace(text, '\n', ' ');  // of a date, in the middle of a sentence
  if (!text.empty() && (lines.empty() || lines.back() != text)) lines.push_back(text);
  return 0;
}

/// The stack from the cause outwards; three entries say it all.
std::string error_text() {
  constexpr std::size_t kEntries = 3;
  std::vector<std::string> lines;
  if (H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect_description, &lines) < 0 || lines.empty())
    return "HDF5 gives no reason";
  H5Eclear2(H5E_DEFAULT);
  if (lines.size() > kEntries) lines.resize(kEntries);
  return fmt::format("{}", fmt::join(lines, "; "));
}

// A file may describe numbers of any layout of bits, and the library builds a conversion from that. Only the
// usual ones are taken: what a damaged description does to that code is not ours to find out.
bool is_any_of(hid_t type, std::initializer_list<hid_t> known) {
  return std::any_of(known.begin(), known.end(), [type](hid_t each) { return H5Tequal(type, each) > 0; });
}

bool fills_its_bytes(hid_t type, std::size_t bytes) {
  const bool usual = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  return usual && H5Tget_precision(type) == 8 * bytes && H5Tget_offset(type) == 0;
}

/// IEEE's half precision, in either order of bytes: numpy's float16. Older libraries have no name for it.
bool is_half(hid_t type) {
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
  return H5Tget_size(type) == 2 && fills_its_bytes(type, 2) && H5Tget_ebias(type) == 15 &&
         H5Tget_norm(type) == H5T_NORM_IMPLIED &&
         (H5Tget_order(type) == H5T_ORDER_LE || H5Tget_order(type) == H5T_ORDER_BE) &&
         H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 &&
         sign == 15 && exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10;
}

/// By file, why the last of its objects that could not be closed could not. The library gives no identifier
/// to a second file, so entries are never wrong, and few: nobody goes on after one.
struct FailedCloses {
  std::mutex mutex;
  std::map<hid_t, std::string> reasons;
};

FailedCloses& failures() {
  static FailedCloses all;
  return all;
}

/// The file that an object with something to write belongs to; nothing for spaces, types and properties.
std::optional<hid_t> file_of(hid_t object) {
  const H5I_type_t kind = H5Iget_type(object);
  if (kind != H5I_DATASET && kind != H5I_GROUP && kind != H5I_ATTR) return std::nullopt;
  const hid_t file = H5Iget_file_id(object);
  if (file < 0) return std::nullopt;
  H5Idec_ref(file);  // only its number is wanted
  return file;
}

/// Nothing to do for what holds no rows. A dataset that cannot be written out is better never closed.
bool writes_out(hid_t object) { return H5Iget_type(object) != H5I_DATASET || H5Dflush(object) >= 0; }

bool has_lost_a_part(hid_t file) {
  const std::lock_guard lock(failures().mutex);
  return failures().reasons.contains(file);
}

/// Whether an enumeration has the words of numpy's bool, as h5py, PyTables and Julia write them.
bool has_words_of_bool(hid_t type) {
  if (H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    char* const word = H5Tget_member_name(type, i);
    const bool known = word != nullptr && std::string_view(word) == (i == 0 ? "FALSE" : "TRUE");
    H5free_memory(word);
    if (!known) return false;
  }
  return true;
}

}  // namespace

void Hdf5Traits::close(type id) noexcept {
  try {
    silence_hdf5();
    // A file that lost a part stays open, as that part does.
    if (has_lost_a_part(static_cast<hid_t>(id))) return;
    const std::optional<hid_t> file = file_of(static_cast<hid_t>(id));  // what fails to close is gone, too
    // HDF5 1.14 frees a dataset that it cannot write out, and crashes over it at the next flush of any file.
    if (writes_out(static_cast<hid_t>(id)) && H5Idec_ref(static_cast<hid_t>(id)) >= 0) return;
    const std::string reason = error_text();
    log_debug("closing an HDF5 object failed: {}", reason);
    if (!file) return;
    const std::lock_guard lock(failures().mutex);
    failures().reasons[*file] = reason;
  } catch (const std::exception& error) {  // no memory for the message
    std::fprintf(stderr, "closing an HDF5 object failed: %s\n", error.what());
  }
}

void silence_hdf5() {
  thread_local const bool silenced = [] {
    // Files are closed by their owners. What the library would do at exit about objects that could not be
    // closed, on a full disk, ends in a segmentation fault.
    static const herr_t no_exit_handler = H5dont_atexit();
    static_cast<void>(no_exit_handler);
    // A link into another file could name any file of this machine: the library forgets how to follow one.
    static const herr_t no_external_links = H5Lunregister(H5L_TYPE_EXTERNAL);
    static_cast<void>(no_external_links);
    register_lzf_filter();
    hbool_t safe = false;
    H5is_library_threadsafe(&safe);
    if (!safe)
      throw RuntimeError(
          "The HDF5 library in use is not thread-safe, but one thread reads while another saves. Use the serial package of the distribution (Debian: libhdf5-103), or build HDF5 with --enable-threadsafe.");
    return H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  }();
  static_cast<void>(silenced);
}

void throw_hdf5_error(const char* call, const Hdf5Place& place) {
  const std::string reason = error_text();
  const std::string object = place.object.empty() ? std::string() : fmt::format(", {}", place.object);
  if (place.access == Hdf5Place::Access::read)
    throw DataError("{}{}: {}", place.file, object, reading_trouble(place.file, call, reason));
  throw RuntimeError(
      "{}{}: cannot be written ({}: {}). Check free space, quota and permissions of that folder.", place.file,
      object, call, reason);
}

void check_closes(hid_t file, const std::string& path) {
  const std::lock_guard lock(failures().mutex);
  const auto failed = failures().reasons.find(file);
  if (failed == failures().reasons.end()) return;
  throw RuntimeError(
      "{}: cannot be written: a part of it was lost when it was closed ({}). Check free space, quota and the health of the disk.",
      path, failed->second);
}

hid_t memory_type(ElementType type) {
  silence_hdf5();
  switch (type) {
    case ElementType::uint8:
      return H5T_NATIVE_UINT8;
    case ElementType::int32:
      return H5T_NATIVE_INT32;
    case ElementType::int64:
      return H5T_NATIVE_INT64;
    case ElementType::uint64:
      return H5T_NATIVE_UINT64;
    case ElementType::float32:
      return H5T_NATIVE_FLOAT;
    case ElementType::float64:
      return H5T_NATIVE_DOUBLE;
  }
  throw std::logic_error("an element type without an HDF5 type");
}

StoredType describe_type(hid_t type) {
  silence_hdf5();
  StoredType stored{StoredType::Kind::other, H5Tget_size(type)};
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_FLOAT &&
      (is_any_of(type, {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE}) || is_half(type)))
    stored.kind = StoredType::Kind::real;
  // numpy's bool, and names for numbers: what is stored are the numbers.
  if (kind == H5T_ENUM) {
    const Hdf5Handle numbers(H5Tget_super(type));
    if (numbers.get() >= 0) stored = describe_type(numbers.get());
    stored.is_bool = stored.is_integer() && has_words_of_bool(type);
  }
  if (kind == H5T_INTEGER && fills_its_bytes(type, stored.bytes))
    stored.kind = H5Tget_sign(type) == H5T_SGN_NONE ? StoredType::Kind::unsigned_integer
                                                    : StoredType::Kind::signed_integer;
  return stored;
}

void check_convertible(const StoredType& stored, ElementType wanted, const Hdf5Place& place) {
  const StoredType memory = describe_type(memory_type(wanted));
  const bool same_kind =
      memory.kind == StoredType::Kind::real ? stored.kind == StoredType::Kind::real : stored.is_integer();
  if (same_kind && stored.bytes <= memory.bytes) return;
  throw DataError(
      "{}, {}: holds {} values where {} is needed. Is this the right dataset? If so, write it with that type.",
      place.file, place.object, to_string(stored), to_string(memory));
}

std::string to_string(const StoredType& type) {
  if (type.is_bool) return "bool";
  switch (type.kind) {
    case StoredType::Kind::signed_integer:
      return fmt::format("int{}", 8 * type.bytes);
    case StoredType::Kind::unsigned_integer:
      return fmt::format("uint{}", 8 * type.bytes);
    case StoredType::Kind::real:
      return fmt::format("float{}", 8 * type.bytes);
    case StoredType::Kind::other:
      break;
  }
  return fmt::format("{}-byte non-numeric", type.bytes);
}

}  // namespace annulus::io
