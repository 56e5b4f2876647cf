// Tries a foreign HDF5 file in a process of its own before this one opens it: the library can crash, hang or
// ask for any amount of memory when a file is damaged in the right place, and then takes all ranks with it.
#pragma once

#include <string>

namespace annulus::io {

/// From now on `program` is started as `program kExamineWord FILE` for every file that this process opens for
/// reading, once as long as the file does not change; that program calls examine_main(). Until then nothing
/// is examined.
void set_examiner(const std::string& program);
inline constexpr const char* kExamineWord = "--examine-file";

/// The examining process: sets itself limits of memory and time, and touches everything in the file.
/// @return its exit code: 0 also when it met a plain error, which the asking process will meet and report as
/// well
int examine_main(const std::string& path);

/// Opens a file and touches everything in it that a reader may: names, attributes, the index of every
/// dataset, a first and a last row. Errors of single objects are passed over.
/// @throws DataError when the file cannot be opened or there is not enough memory for it
void touch_file(const std::string& path);

/// Has a file examined, unless it has been, or there is no examiner.
/// @throws DataError when the examining process died, took too long or ran out of memory
void examine_first(const std::string& path);

}  // namespace annulus::io
