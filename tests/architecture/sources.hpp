// Where the checks of this folder find sources, and a small tree of planted ones on which they are seen to
// bite.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace annulus::test {

/// Folders of the project that hold C++ or CUDA.
inline const std::vector<std::string> kSourceFolders{"base",    "comm",  "io",   "rich",
                                                     "trainer", "bench", "tests"};

/// Paths below `root`, with forward slashes, of all sources in kSourceFolders; sorted.
inline std::vector<std::string> list_sources(const std::filesystem::path& root) {
  const std::set<std::string> endings{".hpp", ".cpp", ".h", ".cu", ".cuh"};
  std::vector<std::string> files;
  for (const std::string& folder : kSourceFolders) {
    if (!std::filesystem::exists(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (endings.contains(entry.path().extension()))
        files.push_back(std::filesystem::relative(entry.path(), root).generic_string());
    }
  }
  std::ranges::sort(files);
  return files;
}

/// The folder of a path, without the slash; "" for none.
inline std::string folder_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

/// A tree in a temporary folder.
class PlantedTree : public testing::Test {
 protected:
  PlantedTree() { std::filesystem::create_directories(root_); }
  ~PlantedTree() override { std::filesystem::remove_all(root_); }

  void plant(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << "\n";
  }

  std::filesystem::path root_ =
      std::filesystem::path(testing::TempDir()) / ("architecture_" + std::to_string(getpid()));
};

}  // namespace annulus::test
