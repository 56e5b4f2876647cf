// What a power cut may leave: a file has its name only once its contents are on the disk, and the name is
// kept before anybody goes on.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "io/files/durable_file.hpp"
#include "io/files/link.hpp"
#include "tests/support/recorded_syncs.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class DurableFileSyncs : public testing::Test {
 protected:
  DurableFileSyncs() { fs::create_directories(folder); }
  ~DurableFileSyncs() override {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    fs::remove_all(folder, ignored);
  }
  static std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// "what: contents of `a`" for each fsync.
  test::RecordedSyncs recorded() {
    return test::RecordedSyncs([this](const fs::path& path) {
      const std::string what = fs::exists(path) && fs::equivalent(path, folder) ? "folder" : path.filename();
      seen.push_back(what + ": " + text_of(folder / "a"));
    });
  }

  fs::path folder = fs::path(testing::TempDir()) / ("annulus_syncs_" + std::to_string(::getpid()));
  std::vector<std::string> seen;
};

TEST_F(DurableFileSyncs, ContentsThenTheNameThenTheFolder) {
  write_text_file(folder / "a", "old");
  const auto syncs = recorded();

  write_text_file(folder / "a", "new");

  EXPECT_THAT(seen, ElementsAre("a.partial: old", "folder: new"));
}

TEST_F(DurableFileSyncs, ALinkIsKeptBeforeAnybodyGoesOn) {
  write_text_file(folder / "one", "one");
  write_text_file(folder / "two", "two");
  replace_link(folder / "a", "one");
  const auto syncs = recorded();

  replace_link(folder / "a", "two");

  EXPECT_THAT(seen, ElementsAre("folder: two"));
}

}  // namespace
}  // namespace annulus::io
