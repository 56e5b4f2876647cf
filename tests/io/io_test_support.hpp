// Small helpers of the io tests: fresh file names, whole files as text, the message of an expected error.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.hpp"

namespace annulus::io {

/// The folder of this test process, removed when it ends.
class TestFolder {
 public:
  TestFolder()
      : path_(std::filesystem::path(testing::TempDir()) / ("annulus-io-" + std::to_string(::getpid()))) {}
  ~TestFolder() {
    std::error_code ignored;  // a folder left behind in the temporary files harms nobody
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A path that does not exist yet, in a fresh folder of its own.
inline std::string fresh_path(const std::string& name) {
  static const TestFolder folder;
  static int count = 0;
  const std::filesystem::path own = folder.path() / std::to_string(count++);
  std::filesystem::create_directories(own);
  return (own / name).string();
}

inline void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs `action` and returns the message of the annulus::Error it throws; "" when it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace annulus::io
