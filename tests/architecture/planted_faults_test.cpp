// The faults that bench/planted_faults plants are kept current with the sources: each old text stands exactly
// once in its file, so that a change of that line is a change of the list as well.
#include <gmock/gmock.h>

#include <map>

#include "tests/architecture/sources.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

struct PlantedFault {
  std::string name;
  std::string file;
  std::string old_text, new_text;
};

/// Entries of a list, in the form that bench/planted_faults/README.md describes.
std::vector<PlantedFault> read_faults(const fs::path& list) {
  std::vector<PlantedFault> faults;
  std::ifstream text(list);
  const auto append = [](std::string& to, const std::string& line) {
    to += (to.empty() ? "" : "\n") + (line.size() > 2 ? line.substr(2) : "");
  };
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('['))
      faults.push_back({line.substr(1, line.find(']') - 1), "", "", ""});
    else if (faults.empty() || line.empty())
      continue;
    else if (line.starts_with("file: "))
      faults.back().file = line.substr(6);
    else if (line[0] == '-' || line[0] == '+')
      append(line[0] == '-' ? faults.back().old_text : faults.back().new_text, line);
  }
  return faults;
}

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); !part.empty() && at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

std::vector<std::string> stale_faults(const fs::path& root) {
  std::vector<std::string> stale;
  std::map<std::string, int> names;
  for (const auto& entry : fs::directory_iterator(root / "bench/planted_faults")) {
    if (entry.path().extension() != ".faults") continue;
    for (const PlantedFault& fault : read_faults(entry.path())) {
      const int count = count_of(contents_of(root / fault.file), fault.old_text);
      if (count != 1)
        stale.push_back(fault.name + ": stands " + std::to_string(count) + " times in " + fault.file);
      if (fault.old_text == fault.new_text) stale.push_back(fault.name + ": changes nothing");
      if (++names[fault.name] == 2) stale.push_back(fault.name + ": two faults have this name");
    }
  }
  return stale;
}

using PlantedFaults = PlantedTree;

TEST_F(PlantedFaults, OfLinesThatChangedAreFound) {
  plant("io/a.cpp", "int a = 1;\nint b = 1;");
  plant(
      "bench/planted_faults/io.faults",
      "[good]\nfile: io/a.cpp\n- int a = 1;\n- int b\n+ int b = 1;\n+ int b\n\n[gone]\nfile: io/a.cpp\n- int c\n+\n\n"
      "[often]\nfile: io/a.cpp\ntests: A.*\n- = 1;\n+ = 2;\n\n[good]\nfile: io/a.cpp\n- int a\n+ int a");

  EXPECT_THAT(stale_faults(root_),
              ElementsAre("gone: stands 0 times in io/a.cpp", "often: stands 2 times in io/a.cpp",
                          "good: changes nothing", "good: two faults have this name"));
}

TEST(Faults, ThatAreListedFitThisProject) { EXPECT_THAT(stale_faults(source_dir()), IsEmpty()); }

TEST(Faults, AreListedForEveryRoom) {
  std::map<std::string, std::size_t> rooms;
  for (const auto& entry : fs::directory_iterator(fs::path(source_dir()) / "bench/planted_faults"))
    if (entry.path().extension() == ".faults")
      for (const PlantedFault& fault : read_faults(entry.path()))
        ++rooms[fault.file.substr(0, fault.file.find('/'))];

  for (const char* room : {"base", "comm", "io", "rich", "trainer"}) EXPECT_GE(rooms[room], 10u) << room;
}

}  // namespace
}  // namespace annulus::test
