// One name, one type: two types of one name in one namespace are undefined behaviour as soon as both are
// linked into a program, and no compiler that sees one file at a time can tell. A type that hides one of an
// outer namespace makes the meaning of its name depend on what is included.
#include <gmock/gmock.h>

#include <map>
#include <regex>

#include "tests/architecture/sources.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Types by full name, each with the files that define it. Those in namespaces without a name are one file's
/// own.
using Types = std::map<std::string, std::set<std::string>>;

/// Reads sources as clang-format leaves them: what a namespace holds begins in the first column.
class TypeScan {
 public:
  Types read(const std::filesystem::path& root) {
    for (const std::string& file : list_sources(root)) {
      if (file.starts_with("tests/") || file.starts_with("bench/")) continue;
      std::ifstream text(root / file);
      namespaces_.clear();
      for (std::string line; std::getline(text, line);) read_line(file, line);
    }
    return std::move(types_);
  }

 private:
  void read_line(const std::string& file, const std::string& line) {
    static const std::regex opens(R"((?:inline )?namespace ?([\w:]*) \{)");
    static const std::regex defines(
        R"((?:template <.*> )?(?:class|struct|union|enum class|enum) (\w+)(?: final)?(?: ?: .*)? \{.*)");
    std::smatch match;
    if (std::regex_match(line, match, opens)) {
      namespaces_.push_back(match[1]);
    } else if (line.starts_with("}  // namespace") && !namespaces_.empty()) {
      namespaces_.pop_back();
    } else if (std::regex_match(line, match, defines) && !std::ranges::count(namespaces_, "")) {
      std::string name;
      for (const std::string& outer : namespaces_) name += outer + "::";
      types_[name + match.str(1)].insert(file);
    }
  }

  std::vector<std::string> namespaces_;
  Types types_;
};

/// The full name of the type that one hides in a namespace further out, or "".
std::string hidden_by(const std::string& name, const Types& types) {
  const auto own = name.rfind("::");
  for (auto end = name.rfind("::", own - 1); end != std::string::npos;
       end = end == 0 ? std::string::npos : name.rfind("::", end - 1)) {
    const std::string outer = name.substr(0, end) + name.substr(own);
    if (types.contains(outer)) return outer;
  }
  return "";
}

std::vector<std::string> name_faults(const std::filesystem::path& root) {
  std::vector<std::string> faults;
  const Types types = TypeScan().read(root);
  for (const auto& [name, files] : types) {
    if (files.size() > 1)
      faults.push_back(name + " is defined in " + *files.begin() + " and " + *files.rbegin());
    const std::string hidden = hidden_by(name, types);
    if (!hidden.empty()) faults.push_back(name + " of " + *files.begin() + " hides " + hidden);
  }
  return faults;
}

using PlantedNames = PlantedTree;

TEST_F(PlantedNames, TypesOfOneNameAreFound) {
  plant("io/a.hpp",
        "namespace annulus::io {\nenum class Verdict { good, bad };\n}  // namespace annulus::io");
  plant("io/b.hpp",
        "namespace annulus::io {\nenum class Verdict : int {\n  good\n};\n}  // namespace annulus::io");

  EXPECT_THAT(name_faults(root_), ElementsAre("annulus::io::Verdict is defined in io/a.hpp and io/b.hpp"));
}

TEST_F(PlantedNames, TypesThatHideOthersAreFound) {
  plant("base/a.hpp", "namespace annulus {\nstruct Phase {};\n}  // namespace annulus");
  plant(
      "io/a.hpp",
      "namespace annulus::io::deep {\nclass Phase final : public Other {\n};\n}  // namespace annulus::io::deep");

  EXPECT_THAT(name_faults(root_), ElementsAre("annulus::io::deep::Phase of io/a.hpp hides annulus::Phase"));
}

TEST_F(PlantedNames, DeclarationsAndNamesOfOneFilePass) {
  plant("base/a.hpp", "namespace annulus {\nclass Phase;\nstruct Phase {\n};\n}  // namespace annulus");
  plant(
      "io/a.cpp",
      "namespace annulus::io {\nnamespace {\nstruct Phase {\n};\n}  // namespace\n}  // namespace annulus::io");
  plant("rich/a.cpp", "namespace annulus::rich {\nstruct Other::Phase {\n};\n}  // namespace annulus::rich");

  EXPECT_THAT(name_faults(root_), IsEmpty());
}

TEST(Names, MeanOneTypeEachInThisProject) { EXPECT_THAT(name_faults(source_dir()), IsEmpty()); }

}  // namespace
}  // namespace annulus::test
