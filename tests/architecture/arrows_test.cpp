// The arrows of ARCHITECTURE.md: which room includes which, and which library shows up where. The table there
// is read, not repeated. Every kind of fault is planted in a small tree, so that the check is known to bite.
#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <utility>

#include "tests/architecture/room_table.hpp"
#include "tests/architecture/sources.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Libraries as the table calls them, each with a pattern of its headers' names. fmt and the standard library
/// are everywhere.
const std::vector<std::pair<std::string, std::regex>>& libraries() {
  static const std::vector<std::pair<std::string, std::regex>> all{
      {"MPI", std::regex("mpi(cxx|-ext)?\\.h")},
      {"NCCL", std::regex("nccl.*\\.h")},
      {"CUDA", std::regex("(cuda|cudnn|cublas|nvtx).*\\.h(pp)?")},
      {"HDF5", std::regex("(hdf5|hdf5_hl|H5.*)\\.h")},
      {"liblzf", std::regex("(liblzf/)?lzf\\.h")},
      {"libdeflate", std::regex("libdeflate\\.h")},
      {"libarchive", std::regex("archive(_entry)?\\.h")},
      {"libjpeg-turbo", std::regex("(turbojpeg|jpeglib|jerror)\\.h")},
      {"libpng", std::regex("png.*\\.h")},
      {"zlib", std::regex("zlib\\.h")},
      {"xxHash", std::regex("xxh.*\\.h")},
      {"protobuf", std::regex("google/protobuf/.*|.*\\.pb\\.h")},
      {"oneDNN", std::regex("(oneapi/dnnl/)?dnnl.*\\.h(pp)?")},
      {"yaml-cpp", std::regex("yaml-cpp/.*")},
      {"nlohmann-json", std::regex("nlohmann/.*")},
      {"CLI11", std::regex("CLI/.*")},
      {"spdlog", std::regex("spdlog/.*")},
      // Ranks talk through MPI and NCCL only: nothing of ours listens, so nobody can call. A rank and the
      // process that reads HDF5 for it hold the two ends of a pair without a name.
      {"sockets", std::regex("sys/(socket|un)\\.h|netinet/.*|arpa/inet\\.h|netdb\\.h")},
  };
  return all;
}

/// The library of a header, or "".
std::string library_of(const std::string& header) {
  for (const auto& [name, pattern] : libraries()) {
    if (std::regex_match(header, pattern)) return name;
  }
  return "";
}

/// Reads all includes below a folder and holds them against the table of its ARCHITECTURE.md.
class ArrowCheck {
 public:
  explicit ArrowCheck(std::filesystem::path root)
      : root_(std::move(root)), table_(root_ / "ARCHITECTURE.md") {
    for (const std::string& file : list_sources(root_)) {
      ++files_;
      check_file(file);
    }
    check_table();
  }

  int files() const { return files_; }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  void check_file(const std::string& file) {
    const Room* room = table_.find(folder_of(file));
    if (room == nullptr) {
      faults_.push_back(file + ": its folder has no row in ARCHITECTURE.md");
      return;
    }
    seen_[room->name];
    const bool kernel = file.ends_with(".cu") || file.ends_with(".cuh");
    if (kernel && !room->everything && !room->libraries.contains("CUDA"))
      faults_.push_back(file + ": kernels stand in rooms with CUDA");
    if (kernel) seen_[room->name].insert("CUDA");
    static const std::regex include(R"re(\s*#\s*include\s*(["<])([^">]+)[">].*)re");
    std::ifstream text(root_ / file);
    std::string line;
    std::smatch match;
    for (int number = 1; std::getline(text, line); ++number) {
      if (!std::regex_match(line, match, include)) continue;
      const std::string fault = match[1] == "\"" && library_of(match[2]).empty()
                                    ? project_fault(*room, match[2])
                                    : library_fault(*room, match[2]);
      if (!fault.empty())
        faults_.push_back(file + ":" + std::to_string(number) + ": " + match.str(2) + fault);
    }
  }

  /// What is wrong with an include of the project's own headers, or "".
  std::string project_fault(const Room& room, const std::string& header) {
    const std::string folder = folder_of(header);
    if (header.find("..") != std::string::npos || table_.find(folder) == nullptr)
      return " is not written from the root of the project";
    if (room.everything || folder == room.name || folder == "base") return "";
    for (const std::string& entry : room.rooms) {
      if (!RoomTable::covers(entry, folder)) continue;
      seen_[room.name].insert(entry);
      return "";
    }
    return " may not be included by " + room.name;
  }

  std::string library_fault(const Room& room, const std::string& header) {
    const std::string library = library_of(header);
    if (library.empty() || room.everything) return "";
    seen_[room.name].insert(library);
    return room.libraries.contains(library) ? "" : " is not for " + room.name;
  }

  /// The table says no more than is true: every row has sources, every arrow is used, none leads back.
  void check_table() {
    for (const Room& room : table_.rooms()) {
      if (room.everything) continue;
      if (!seen_.contains(room.name)) faults_.push_back("ARCHITECTURE.md: nothing is in " + room.name);
      for (const auto* entries : {&room.rooms, &room.libraries}) {
        for (const std::string& entry : *entries) {
          if (!seen_[room.name].contains(entry))
            faults_.push_back("ARCHITECTURE.md: " + room.name + " includes nothing of " + entry);
        }
      }
    }
    std::string circle;
    for (const std::string& room : table_.circle()) circle += room + " -> ";
    if (!circle.empty()) faults_.push_back("ARCHITECTURE.md: a circle, " + circle + "...");
  }

  std::filesystem::path root_;
  RoomTable table_;
  int files_ = 0;
  std::map<std::string, std::set<std::string>> seen_;  ///< rooms with sources, and what they include
  std::vector<std::string> faults_;
};

/// Three rooms, the lowest first, and tests.
class PlantedArrows : public PlantedTree {
 protected:
  PlantedArrows() {
    table(
        "| `base` | low | spdlog |\n| `io/files` | middle | HDF5 |\n"
        "| `trainer/loop` | high | `io/*`, CUDA |\n| `tests` | all | everything |\n");
    plant("base/log.cpp", "#include <spdlog/spdlog.h>");
    plant("io/files/file.cpp", "#include <hdf5.h>\n#include \"base/log.hpp\"");
    plant("trainer/loop/loop.cpp", "#include <cuda_runtime.h>\n#include \"io/files/file.hpp\"");
    plant("tests/io/a_test.cpp", "#include <mpi.h>\n#include \"trainer/loop/loop.hpp\"");
  }

  void table(const std::string& rows) {
    plant("ARCHITECTURE.md", "| room | what | may include |\n|---|---|---|\n" + rows);
  }
  std::vector<std::string> faults() const { return ArrowCheck(root_).faults(); }
};

TEST_F(PlantedArrows, AllowedOnesPass) {
  plant("trainer/loop/kernel.cu", "// nothing");
  plant("io/files/other.cpp", "// #include \"trainer/loop/loop.hpp\" in a comment\n#include <cstdint>");

  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(PlantedArrows, ForbiddenOnesAreFound) {
  const std::vector<std::pair<std::string, std::string>> planted{
      {"base/a.cpp", "io/files/file.hpp"},     {"io/files/a.hpp", "trainer/loop/loop.hpp"},
      {"io/files/a.cpp", "tests/io/a.hpp"},    {"io/files/b.cpp", "file.hpp"},
      {"io/files/c.cpp", "io/../base/a.hpp"},  {"trainer/loop/a.cpp", "trainer/other/a.hpp"},
      {"trainer/loop/b.cpp", "trainer/a.hpp"}, {"base/b.cpp", "event.pb.h"},
  };
  for (const auto& [file, header] : planted) {
    plant(file, "// A file.\n  #  include \"" + header + "\"  // why");
    EXPECT_THAT(faults(), ElementsAre(testing::StartsWith(file + ":2: " + header))) << header;
    std::filesystem::remove(root_ / file);
  }
}

TEST_F(PlantedArrows, LibrariesOutOfTheirPlaceAreFound) {
  const std::vector<std::string> headers{
      "mpi.h",
      "nccl.h",
      "cuda_runtime.h",
      "cudnn.h",
      "H5Dpublic.h",
      "archive_entry.h",
      "png.h",
      "zlib.h",
      "turbojpeg.h",
      "dnnl.hpp",
      "xxhash.h",
      "oneapi/dnnl/dnnl.hpp",
      "netdb.h",
      "netinet/in.h",
      "yaml-cpp/yaml.h",
      "CLI/CLI.hpp",
      "nlohmann/json.hpp",
      "sys/socket.h",
  };
  for (const std::string& header : headers) {
    plant("base/a.cpp", "#include <" + header + ">");
    EXPECT_THAT(faults(), ElementsAre(HasSubstr(header + " is not for base"))) << header;
  }
}

TEST_F(PlantedArrows, FoldersWithoutARowAreFound) {
  plant("io/deep/a.cpp", "// nothing");

  EXPECT_THAT(faults(), ElementsAre("io/deep/a.cpp: its folder has no row in ARCHITECTURE.md"));
}

TEST_F(PlantedArrows, KernelsOutOfTheirPlaceAreFound) {
  plant("io/files/a.cu", "// nothing");

  EXPECT_THAT(faults(), ElementsAre("io/files/a.cu: kernels stand in rooms with CUDA"));
}

TEST_F(PlantedArrows, ATableThatSaysTooMuchIsFound) {
  table(
      "| `base` | low | spdlog |\n| `io/files` | middle | HDF5, zlib |\n| `io/empty` | none | |\n"
      "| `trainer/loop` | high | `io/files`, `io/empty`, CUDA |\n| `tests` | all | everything |\n");

  EXPECT_THAT(faults(), ElementsAre("ARCHITECTURE.md: io/files includes nothing of zlib",
                                    "ARCHITECTURE.md: nothing is in io/empty",
                                    "ARCHITECTURE.md: trainer/loop includes nothing of io/empty"));
}

TEST_F(PlantedArrows, CirclesAreFound) {
  table(
      "| `base` | low | spdlog |\n| `io/files` | middle | `trainer/loop`, HDF5 |\n"
      "| `trainer/loop` | high | `io/*`, CUDA |\n| `tests` | all | everything |\n");
  plant("io/files/back.cpp", "#include \"trainer/loop/loop.hpp\"");

  EXPECT_THAT(faults(), ElementsAre("ARCHITECTURE.md: a circle, io/files -> trainer/loop -> ..."));
}

TEST(Arrows, HoldInThisProject) {
  const ArrowCheck check(source_dir());

  EXPECT_GT(check.files(), 500) << "the sources were not found below " << source_dir();
  EXPECT_THAT(check.faults(), IsEmpty());
}

}  // namespace
}  // namespace annulus::test
