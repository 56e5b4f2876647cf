// What a process that reads foreign files may take. Internal to io/hdf5.
#pragma once

namespace annulus::io {

/// kReaderMemory, and no file may be written. No core dump either: a damaged file read by many ranks would
/// fill the disk with them.
void limit_this_process();

/// Closes what the asking process holds open, which would otherwise seem to live on here. @param above  this
void close_inherited(int above);

}  // namespace annulus::io
