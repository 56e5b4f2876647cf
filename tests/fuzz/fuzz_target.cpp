// See fuzz_target.hpp.
#include "tests/fuzz/fuzz_target.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/quiet_log.hpp"
#include "tests/support/forked_reader.hpp"

namespace annulus::fuzz {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    path_ = parent / ("annulus-fuzz-" + std::to_string(::getpid()));
    fs::create_directories(path_);
    // Thousands of warnings about hostile files would hide what matters.
    set_terminal_log(TerminalLog::off);
  }
  ~Folder() {
    std::error_code ignored;  // what is left in the temporary files harms nobody
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

/// What became of the children, told when the process ends.
struct Deaths {
  std::uint64_t children = 0;
  std::uint64_t crashed = 0;
  std::uint64_t hung = 0;
  ~Deaths() {
    std::fprintf(
        stderr,
        "read by a child: %llu HDF5 files, on which the library crashed %llu times and hung %llu times\n",
        static_cast<unsigned long long>(children), static_cast<unsigned long long>(crashed),
        static_cast<unsigned long long>(hung));
  }
};

Deaths& deaths() {
  static Deaths count;
  return count;
}

/// A child for every file.
void read_by_children() {
  static constexpr std::chrono::seconds kLimit(2);
  io::set_hdf5_reader([fork = fork_reader([](const std::string& path, const io::ReaderEnds& ends) {
                         io::serve_hdf5(path, ends, kLimit);
                       })](const io::ReaderEnds& ends, const std::string& path) {
    ++deaths().children;
    return fork(ends, path);
  });
}

}  // namespace

void report_finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

void count(const Error& refusal) {
  static std::uint64_t counted = 0;  // a dead child is the same answer to every call
  const std::string_view text = refusal.what();
  if (text.find("a process that tried") == text.npos || counted == deaths().children) return;
  counted = deaths().children;
  // A sanitizer ends the child with a code of its own.
  for (const std::string_view crash :
       {"a process that tried crashed", "a process that tried ended with code"})
    if (text.find(crash) != text.npos) ++deaths().crashed;
  if (text.find("a process that tried was not done") != text.npos) ++deaths().hung;
}

std::uint8_t take_byte(std::span<const std::uint8_t>& input) {
  if (input.empty()) return 0;
  const std::uint8_t value = input.front();
  input = input.subspan(1);
  return value;
}

const std::string& folder() {
  static const Folder made;
  static const std::string path = made.path();
  return path;
}

std::string write_file(const std::string& name, std::span<const std::uint8_t> contents) {
  static const bool prepared = (read_by_children(), true);
  static_cast<void>(prepared);
  const std::string path = folder() + "/" + name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!contents.empty())  // an empty write of no address counts as a failure
    file.write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) report_finding(path + " cannot be written; is the memory of /dev/shm full?");
  return path;
}

}  // namespace annulus::fuzz
