// To be preloaded (LD_PRELOAD): an HDF5 library that crashes over every file in the process that reads for a
// rank (io/hdf5/process.hpp), as the real one does over some damaged files.
#include <dlfcn.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

namespace {

bool reads_for_others() {
  std::ifstream words("/proc/self/cmdline");
  std::string word;
  while (std::getline(words, word, '\0'))
    if (word == "--read-hdf5") return true;
  return false;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) std::int64_t H5Fopen(const char* path, unsigned flags,
                                                                       std::int64_t properties) {
  if (reads_for_others()) std::raise(SIGSEGV);
  const auto real = reinterpret_cast<decltype(&H5Fopen)>(::dlsym(RTLD_NEXT, "H5Fopen"));
  return real == nullptr ? -1 : real(path, flags, properties);
}
