// What the HDF5 sources of this room share: the one check of library calls, and types. Nothing outside
// io/hdf5_* includes it.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

#include "io/hdf5/types.hpp"

namespace annulus::io {

/// Where a library call happens, for its message.
struct Hdf5Place {
  enum class Access { read, write };
  std::string file;
  std::string object;  ///< dataset, group or attribute; may be empty
  Access access = Access::read;
};

/// Stops HDF5 from printing its error stack; the stack is one per thread, so every call asks.
void silence_hdf5();

/// Throws what the error stack says: DataError for reading, RuntimeError for writing.
[[noreturn]] void throw_hdf5_error(const char* call, const Hdf5Place& place);

/// The one check: runs a library call and turns a negative result into an exception.
template <class Call>
auto hdf5_call(const char* name, const Hdf5Place& place, Call&& call) {
  silence_hdf5();
  const auto result = std::forward<Call>(call)();
  if (result < 0) throw_hdf5_error(name, place);
  return result;
}

/// The same for calls that return a new identifier.
template <class Call>
Hdf5Handle hdf5_handle(const char* name, const Hdf5Place& place, Call&& call) {
  return Hdf5Handle(hdf5_call(name, place, std::forward<Call>(call)));
}

/// What an object that could not be closed still had to write is lost, and a later flush of its file succeeds
/// as if nothing were missing.
/// @param file  the identifier by which such objects of it were opened
/// @param path  of that file, for the message
/// @throws RuntimeError when there was one in this file; what went wrong in others does not matter
void check_closes(hid_t file, const std::string& path);

/// Memory type of the library; owned by the library, never closed.
hid_t memory_type(ElementType type);

StoredType describe_type(hid_t type);

/// @throws DataError when values of the stored type do not fit into `wanted`
void check_convertible(const StoredType& stored, ElementType wanted, const Hdf5Place& place);

}  // namespace annulus::io
