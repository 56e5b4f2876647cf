// What to do about a file that the HDF5 library cannot read: its reasons in words of ours, filters by name,
// and the commands that mend a file. Every command here was run on such files; HDF5's own hints are not
// handed on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/shape.hpp"

namespace annulus::io {

/// What is wrong with a file or object that a library call could not read, and what to try: the second half
/// of a message that began with the place.
/// @param call  the library's function   @param reason  its error stack, from the cause outwards
std::string reading_trouble(std::string_view file, std::string_view call, std::string_view reason);

/// "Zstandard" for 32015; "number 7" for one that nobody has heard of. The numbers are registered with the
/// HDF Group.
std::string filter_name(int filter);

/// How to get a filter that the library lacks.
std::string filter_advice(int filter);

/// An `h5repack` command that gives a data set chunks of whole images, of about a megabyte.
/// @param value_bytes  of one value
std::string repack_in_chunks(const std::string& file, const std::string& dataset, const Extents& extents,
                             std::size_t value_bytes);

/// The same by this program for a data set that it can read under its usual name: its rows are then mixed as
/// well. Other names would change.
std::string write_in_chunks(const std::string& file, const std::string& dataset, const Extents& extents,
                            std::size_t value_bytes);

}  // namespace annulus::io
