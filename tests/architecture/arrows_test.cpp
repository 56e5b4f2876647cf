// The arrows of ARCHITECTURE.md: which room includes which, and which library shows up where. Checked on the
// sources themselves, and on a small tree with planted violations, so that the check is known to bite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace annulus {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

/// What files below a folder may include of the project. The longest matching folder decides.
const std::map<std::string, Names> kRooms{
    {"base/", {"base"}},
    {"comm/", {"base", "comm"}},
    {"io/", {"base", "io"}},
    {"rich/", {"base", "io", "rich"}},
    {"trainer/", {"base", "comm", "io", "trainer"}},
    {"trainer/commands/", {"base", "comm", "io", "rich", "trainer"}},
    {"bench/", {"base", "bench", "comm", "io", "rich", "tests", "trainer"}},
    {"tests/", {"base", "bench", "comm", "io", "rich", "tests", "trainer"}},
};

/// Files that are compiled with CUDA only, and so the only ones that see it.
const Names kCudaFolders{"comm/cuda/", "trainer/backend/cuda/"};

/// Headers that only some folders see, each as a pattern of the whole header name.
struct Library {
  std::string name;
  std::regex header;
  Names folders;
};

const std::vector<Library>& libraries() {
  static const std::vector<Library> all{
      {"MPI", std::regex("mpi(cxx|-ext)?\\.h"), {"comm/"}},
      {"NCCL", std::regex("nccl.*\\.h"), {"comm/cuda/"}},
      {"CUDA", std::regex("(cuda|cudnn|cublas|nvtx).*\\.h(pp)?"), kCudaFolders},
      {"HDF5", std::regex("(hdf5|hdf5_hl|H5.*)\\.h"), {"io/"}},
      {"libarchive", std::regex("archive(_entry)?\\.h"), {"io/"}},
      {"JPEG", std::regex("(turbojpeg|jpeglib|jerror)\\.h"), {"io/"}},
      {"PNG", std::regex("png.*\\.h"), {"io/"}},
      {"zlib", std::regex("zlib\\.h"), {"io/"}},
      {"oneDNN", std::regex("(oneapi/dnnl/)?dnnl.*\\.h(pp)?"), {"trainer/backend/cpu/"}},
      {"yaml-cpp", std::regex("yaml-cpp/.*"), {"trainer/model/"}},
      {"CLI11", std::regex("CLI/.*"), {"trainer/commands/"}},
      // Ranks talk through MPI and NCCL only: nothing of ours listens, so nobody can call. A rank and the
      // process that reads HDF5 for it hold the two ends of a pair without a name.
      {"the network",
       std::regex("sys/(socket|un)\\.h|netinet/.*|arpa/inet\\.h|netdb\\.h"),
       {"io/hdf5/message.cpp", "io/hdf5/process.cpp"}},
  };
  return all;
}

bool starts_with_any(const std::string& file, const Names& folders) {
  return std::ranges::any_of(folders, [&](const auto& folder) { return file.starts_with(folder); });
}

/// The rule of a file's room, or nullptr for a file in no room.
const Names* allowed_rooms(const std::string& file) {
  const Names* allowed = nullptr;
  for (const auto& [folder, rooms] : kRooms)  // sorted, so that a longer folder comes after its parent
    if (file.starts_with(folder)) allowed = &rooms;
  return allowed;
}

/// What is wrong with an include of the project's own headers, or nothing.
std::string project_fault(const std::string& file, const std::string& header) {
  const std::string room = header.substr(0, header.find('/'));
  if (room == header || !kRooms.contains(room + "/")) return "is not named from the root of the project";
  if (header.find("..") != std::string::npos) return "leaves its room by '..'";
  return allowed_rooms(file)->contains(room) ? "" : "is in a room that this one may not include";
}

/// What is wrong with an include of a header that may include CUDA's, or nothing. Bodies of kernels include
/// nothing of CUDA: everybody may run them.
std::string cuda_fault(const std::string& file, const std::string& header) {
  const Names everywhere{"_body.hpp", "/host_device.hpp", "/precision.hpp"};
  if (file.starts_with("tests/") || file.starts_with("bench/") || starts_with_any(file, kCudaFolders))
    return "";
  if (!starts_with_any(header, kCudaFolders)) return "";
  const bool plain = std::ranges::any_of(everywhere, [&](const auto& end) { return header.ends_with(end); });
  return plain ? "" : "is only for files that are compiled with CUDA";
}

/// What is wrong with a file's place, or nothing: kernels stand alone, below the folders that are compiled
/// with CUDA.
std::string place_fault(const std::string& file) {
  const bool kernel = file.ends_with(".cu") || file.ends_with(".cuh");
  return kernel && !file.starts_with("tests/") && !starts_with_any(file, kCudaFolders)
             ? "kernels are not written here"
             : "";
}

/// What is wrong with an include of a library's header, or nothing. Tests and benchmarks may see everything.
std::string library_fault(const std::string& file, const std::string& header) {
  if (file.starts_with("tests/") || file.starts_with("bench/")) return "";
  for (const Library& library : libraries())
    if (std::regex_match(header, library.header) && !starts_with_any(file, library.folders))
      return library.name + " is not seen here";
  const Names base_sees{"fmt/", "spdlog/", "sys/"};
  const bool third_party = header.find('/') != std::string::npos && !starts_with_any(header, base_sees);
  return file.starts_with("base/") && third_party ? "base includes only std, fmt and spdlog" : "";
}

/// Violations in one file, as "file:line: header why".
void check_file(const fs::path& root, const std::string& file, std::vector<std::string>& found) {
  static const std::regex include("\\s*#\\s*include\\s*([\"<])([^\">]+)[\">].*");
  if (const std::string fault = place_fault(file); !fault.empty()) found.push_back(file + ":1: " + fault);
  std::ifstream text(root / file);
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    std::smatch match;
    if (!std::regex_match(line, match, include)) continue;
    const std::string header = match[2];
    std::string fault = match[1] == "\"" ? project_fault(file, header) : library_fault(file, header);
    if (fault.empty()) fault = cuda_fault(file, header);
    if (!fault.empty()) found.push_back(file + ":" + std::to_string(number) + ": " + header + " " + fault);
  }
}

struct Findings {
  int files = 0;
  std::vector<std::string> violations;
};

Findings check_tree(const fs::path& root) {
  const Names endings{".hpp", ".cpp", ".h", ".cu", ".cuh"};
  Findings findings;
  for (const auto& [folder, rooms] : kRooms) {
    if (std::ranges::count(folder, '/') > 1 || !fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!endings.contains(entry.path().extension())) continue;
      ++findings.files;
      check_file(root, fs::relative(entry.path(), root).generic_string(), findings.violations);
    }
  }
  return findings;
}

class PlantedTree : public testing::Test {
 protected:
  ~PlantedTree() override { fs::remove_all(root_); }

  /// Violations in a tree that holds one file with one line.
  std::vector<std::string> check(const std::string& file, const std::string& line) {
    fs::remove_all(root_);
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << "// A file.\n" << line << "\n";
    const Findings findings = check_tree(root_);
    EXPECT_EQ(findings.files, 1) << file;
    return findings.violations;
  }

  fs::path root_ = fs::path(testing::TempDir()) / ("arrows_" + std::to_string(getpid()));
};

TEST_F(PlantedTree, ForbiddenArrowsAreFound) {
  const std::vector<std::pair<std::string, std::string>> planted{
      {"base/a.cpp", "#include \"comm/ranks/process_group.hpp\""},
      {"comm/a.hpp", "#include \"io/dataset/dataset.hpp\""},
      {"io/a.cpp", "#include \"comm/ranks/process_group.hpp\""},
      {"io/deep/a.cpp", "  #  include \"trainer/loop/optimizer.hpp\"  // why"},
      {"rich/a.cpp", "#include \"trainer/loop/optimizer.hpp\""},
      {"trainer/a.cpp", "#include \"rich/detector/optics.hpp\""},
      {"trainer/backend/cpu/a.cpp", "#include \"tests/support/mpi_environment.hpp\""},
      {"io/b.cpp", "#include \"bench/figures.hpp\""},
      {"comm/b.cpp", "#include \"process_group.hpp\""},
      {"comm/c.cpp", "#include \"comm/../io/dataset.hpp\""},
      {"comm/d.cpp", "#include \"comm/cuda/cuda.hpp\""},
      {"trainer/b.cpp", "#include \"trainer/backend/cuda/device_model.hpp\""},
  };
  for (const auto& [file, line] : planted)
    EXPECT_THAT(check(file, line), testing::ElementsAre(testing::StartsWith(file + ":2: "))) << line;
}

TEST_F(PlantedTree, LibrariesOutOfTheirPlaceAreFound) {
  const std::vector<std::pair<std::string, std::string>> planted{
      {"trainer/a.cpp", "mpi.h"},
      {"io/a.cpp", "nccl.h"},
      {"trainer/a.cpp", "hdf5.h"},
      {"comm/a.cpp", "H5Dpublic.h"},
      {"trainer/a.cpp", "archive_entry.h"},
      {"trainer/a.cpp", "png.h"},
      {"rich/a.cpp", "turbojpeg.h"},
      {"trainer/backend/reference/a.cpp", "dnnl.hpp"},
      {"trainer/model/a.cpp", "oneapi/dnnl/dnnl.hpp"},
      {"trainer/a.cpp", "yaml-cpp/yaml.h"},
      {"trainer/backend/cpu/a.cpp", "cuda_runtime.h"},
      {"comm/ranks/mpi_group.cpp", "cuda_runtime_api.h"},
      {"comm/ranks/mpi_group.cpp", "nccl.h"},
      {"comm/device/reducer.hpp", "cuda_runtime_api.h"},
      {"trainer/a.cpp", "CLI/CLI.hpp"},
      {"base/a.cpp", "nlohmann/json.hpp"},
      {"base/a.cpp", "sys/socket.h"},
      {"comm/a.cpp", "netinet/in.h"},
      {"trainer/a.cpp", "netdb.h"},
  };
  for (const auto& [file, header] : planted)
    EXPECT_THAT(check(file, "#include <" + header + ">"), testing::SizeIs(1)) << file << " " << header;
}

TEST_F(PlantedTree, AllowedArrowsPass) {
  const std::vector<std::pair<std::string, std::string>> planted{
      {"base/a.cpp", "#include <spdlog/spdlog.h>"},
      {"comm/a.cpp", "#include <mpi.h>"},
      {"comm/cuda/nccl_link.cpp", "#include <nccl.h>"},
      {"comm/cuda/a.cpp", "#include <cuda_runtime.h>"},
      {"comm/cuda/b.cu", "#include \"comm/cuda/cuda.hpp\""},
      {"io/b.cpp", "#include <cstdint>"},
      {"trainer/c.cpp", "#include \"comm/cuda/add_body.hpp\""},
      {"trainer/backend/cuda/b.cpp", "#include \"comm/cuda/cuda.hpp\""},
      {"io/a.cpp", "#include <hdf5.h>"},
      {"rich/a.cpp", "#include \"io/dataset/dataset.hpp\""},
      {"trainer/a.cpp", "#include \"comm/ranks/process_group.hpp\""},
      {"trainer/commands/a.cpp", "#include \"rich/detector/optics.hpp\""},
      {"trainer/backend/cpu/a.cpp", "#include <dnnl.hpp>"},
      {"trainer/backend/cuda/a.cu", "#include <cudnn.h>"},
      {"trainer/model/a.cpp", "#include <yaml-cpp/yaml.h>"},
      {"tests/io/a.cpp", "#include <hdf5.h>"},
      {"trainer/b.cpp", "// #include \"rich/detector/optics.hpp\" in a comment"},
  };
  for (const auto& [file, line] : planted) EXPECT_THAT(check(file, line), testing::IsEmpty()) << line;
}

TEST_F(PlantedTree, KernelsOutOfTheirPlaceAreFound) {
  EXPECT_THAT(check("io/a.cu", "// nothing"), testing::ElementsAre(testing::StartsWith("io/a.cu:1: ")));
  EXPECT_THAT(check("trainer/backend/cuda/a.cuh", "// nothing"), testing::IsEmpty());
}

TEST(Arrows, HoldInThisProject) {
  const Findings findings = check_tree(ANNULUS_SOURCE_DIR);

  EXPECT_GT(findings.files, 50) << "the sources were not found below " << ANNULUS_SOURCE_DIR;
  EXPECT_THAT(findings.violations, testing::IsEmpty());
}

}  // namespace
}  // namespace annulus
