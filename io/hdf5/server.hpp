// The process that reads a foreign HDF5 file for another one, which may die of it.
#pragma once

#include <chrono>
#include <string>

#include "io/hdf5/process.hpp"

namespace annulus::io {

class Hdf5File;

/// `annulus --read-hdf5 FILE`: limits what this process may take, and serves at the ends that ReaderEnds
/// says.
/// @return its exit code
int reader_main(const std::string& path);

/// Answers requests until the asking process is gone. A request that computes for longer than `limit` ends
/// the process by SIGPROF. @param path  for messages: what is opened is ends.file
void serve_hdf5(const std::string& path, const ReaderEnds& ends,
                std::chrono::milliseconds limit = kReaderTime);

/// Looks at everything in a file that a writer may meet: names, attributes, the index of every dataset, a
/// first and a last row. Errors of single objects are passed over. @throws DataError when there is not enough
/// memory
void touch(const Hdf5File& file);

}  // namespace annulus::io
