// Documents and comments name files that exist: a path that moved is found here, not by a reader.
#include <gmock/gmock.h>

#include <regex>

#include "tests/architecture/sources.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

/// Documents of the project: at the root and below the folders that have some.
std::vector<std::string> list_documents(const fs::path& root) {
  std::vector<std::string> files;
  for (const std::string folder :
       {"", "docs", "configs", "bench/gpu", "bench/peers", "bench/planted_faults"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md")
        files.push_back(fs::relative(entry.path(), root).generic_string());
    }
  }
  return files;
}

/// "line: path" of every path in a file that leads nowhere, and what a merge has left undecided. In sources
/// only comments are looked at.
void check_file(const fs::path& root, const std::string& file, std::vector<std::string>& faults) {
  static const std::regex path(
      R"((^|[^\w/.])((base|comm|io|rich|trainer|tests|jobs|docs|bench|configs|cmake)/[\w/]*\w\.(hpp|cpp|cuh|cu|proto|sh|sbatch|py|yaml|md|cmake)))");
  const bool document = file.ends_with(".md");
  std::ifstream text(root / file);
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    if (line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> "))
      faults.push_back(file + ":" + std::to_string(number) + ": half of a merge");
    const auto comment = document ? 0 : line.find("//");
    if (comment == std::string::npos) continue;
    const std::string said = line.substr(comment);
    for (std::sregex_iterator match(said.begin(), said.end(), path), end; match != end; ++match) {
      if (!fs::exists(root / match->str(2)))
        faults.push_back(file + ":" + std::to_string(number) + ": " + match->str(2));
    }
  }
}

std::vector<std::string> path_faults(const fs::path& root) {
  std::vector<std::string> faults;
  for (const auto& files : {list_documents(root), list_sources(root)}) {
    for (const std::string& file : files) {
      if (!file.starts_with("tests/architecture/")) check_file(root, file, faults);  // these plant wrong ones
    }
  }
  return faults;
}

using PlantedPaths = PlantedTree;

TEST_F(PlantedPaths, ThatLeadNowhereAreFound) {
  plant("README.md", "Read `io/file.hpp` and `docs/gone.md`.");
  plant("io/file.hpp", "// See io/gone.hpp (or io/file.hpp).\n#include \"io/included.hpp\"");

  EXPECT_THAT(path_faults(root_), ElementsAre("README.md:1: docs/gone.md", "io/file.hpp:1: io/gone.hpp"));
}

TEST_F(PlantedPaths, HalvesOfAMergeAreFound) {
  plant("docs/page.md", "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch");

  EXPECT_THAT(path_faults(root_),
              ElementsAre("docs/page.md:1: half of a merge", "docs/page.md:5: half of a merge"));
}

TEST(Paths, LeadSomewhereInThisProject) { EXPECT_THAT(path_faults(source_dir()), IsEmpty()); }

}  // namespace
}  // namespace annulus::test
