// A reader of HDF5 files (io/hdf5/process.hpp) that is a copy of the test itself: quick to start, and it
// needs no program. Only for processes without threads.
#pragma once

#include <functional>

#include "io/hdf5/server.hpp"

namespace annulus {

/// What the copy does instead of serving.
using ReaderBehaviour = std::function<void(const std::string& path, const io::ReaderEnds& ends)>;

/// @param behaviour  usually io::serve_hdf5()
io::ReaderStarter fork_reader(ReaderBehaviour behaviour = [](const std::string& path,
                                                             const io::ReaderEnds& ends) {
  io::serve_hdf5(path, ends);
});

}  // namespace annulus
