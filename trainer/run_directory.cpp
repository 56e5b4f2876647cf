// See run_directory.hpp.
#include "trainer/run_directory.hpp"

#include <fmt/ranges.h>

#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "io/durable_file.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    throw UsageError(
        "the run directory {} cannot be made ({}). Choose another with --run DIR, or mend the permissions.",
        path.string(), error.message());
}

/// A directory with files of something else is most likely a slip: a run would bury them.
void check_free(const RunDirectory& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory.path(), error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw UsageError("{} is a file, but a run needs a directory. Choose another with --run DIR.",
                     directory.path().string());
  const bool empty = fs::is_empty(directory.path(), error);
  if (error)
    throw UsageError(
        "the run directory {} cannot be read ({}). Choose another with --run DIR, or mend the permissions.",
        directory.path().string(), error.message());
  if (!empty && !fs::exists(directory.checkpoints()))
    throw UsageError(
        "{} holds other files and no run (there is no config.yaml in it). Choose a new directory with "
        "--run DIR.",
        directory.path().string());
}

void check_same(const RunDirectory& directory, const RunStart& start) {
  if (!start.differences) return;
  const std::vector<std::string> differences = start.differences(directory.stored_config());
  if (differences.empty()) return;
  throw UsageError(
      "{} holds a run of another configuration, and going on would mix the two. Different: {}. Choose "
      "another directory with --run DIR, or start with the configuration in {}.",
      directory.path().string(), fmt::join(differences, "; "), directory.config().string());
}

}  // namespace

fs::path RunDirectory::log_file(int rank) const { return logs() / fmt::format("rank-{}.log", rank); }

bool RunDirectory::holds_run() const {
  std::error_code unknown;
  return fs::is_regular_file(config(), unknown);
}

std::string RunDirectory::stored_config() const {
  if (!holds_run())
    throw UsageError(
        "{} is not a run directory: there is no config.yaml in it. `annulus train` makes one; its place is "
        "runs/NAME unless --run says otherwise.",
        path_.string());
  return read_text(config());
}

void start_run(const RunDirectory& directory, const RunStart& start) {
  if (directory.holds_run())
    check_same(directory, start);
  else
    check_free(directory);
  for (const fs::path& path : {directory.checkpoints(), directory.logs(), directory.crash()})
    make_directory(path);
  const std::string earlier = read_text(directory.environment());
  io::write_text_file(directory.environment(), environment_json(start.environment, earlier));
  io::write_text_file(directory.config(), start.config);
}

}  // namespace annulus::trainer
