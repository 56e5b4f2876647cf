// What may be there when a run starts, and what is refused before anything is made.
#include "trainer/run/directory.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/link.hpp"
#include "io/files/small_file.hpp"
#include "trainer/watch/crash_record.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    throw UsageError(
        "the run directory {} cannot be made ({}). Choose another with --run DIR, or mend the permissions.",
        path.string(), error.message());
}

/// Whether nothing is there but the record that a job script leaves before the program makes the run.
bool is_unused(const fs::path& path, std::error_code& error) {
  fs::directory_iterator entries(path, error);
  if (error) return false;
  return std::all_of(begin(entries), end(entries),
                     [](const fs::directory_entry& entry) { return entry.path().filename() == kJobRecord; });
}

/// A directory with files of something else is most likely a slip: a run would bury them.
void check_free(const RunDirectory& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory.path(), error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status))
    throw UsageError("{} is a file, but a run needs a directory. Choose another with --run DIR.",
                     directory.path().string());
  const bool unused = is_unused(directory.path(), error);
  if (error)
    throw UsageError(
        "the run directory {} cannot be read ({}). Choose another with --run DIR, or mend the permissions.",
        directory.path().string(), error.message());
  if (!unused && !fs::exists(directory.checkpoints()))
    throw UsageError(
        "{} holds other files and no run (there is no config.yaml in it). Choose a new directory with --run DIR.",
        directory.path().string());
}

void check_same(const RunDirectory& directory, const StoredDifferences& differences_from) {
  if (!differences_from) return;
  const Refusal refusal = differences_from(directory.stored_config());
  if (refusal.differences.empty()) return;
  throw UsageError(
      "{} holds a run of another configuration, and going on would mix the two. Different: {}. Choose another directory with --run DIR, or start with the configuration in {}{}.",
      directory.path().string(), fmt::join(refusal.differences, "; "), directory.config().string(),
      refusal.remedy);
}

/// Whether a file of that name may be written through a link; others are replaced as a whole, and so are the
/// links among the checkpoints together with what a kill left of a new one.
bool is_written_through(const std::string& name) {
  if (name == io::partial_name("latest") || name == io::partial_name("best")) return false;
  return name.ends_with(".partial") || name.ends_with(".log") || name.starts_with("events.");
}

void refuse_link(const fs::path& path) {
  std::error_code none;
  if (!fs::is_symlink(fs::symlink_status(path, none))) return;
  throw UsageError(
      "{} is a symbolic link (to {}), and nothing is written through links inside a run directory: one that came from elsewhere could lead to any file. Remove it; the run directory as a whole may be a link.",
      path.string(), fs::read_symlink(path, none).string());
}

void refuse_links(const RunDirectory& directory) {
  for (const fs::path& path :
       {directory.checkpoints(), directory.logs(), directory.crash(), directory.heartbeats()})
    refuse_link(path);
  for (const fs::path& folder : {directory.path(), directory.checkpoints(), directory.logs()}) {
    std::error_code none;
    for (auto entry = fs::directory_iterator(folder, none); !none && entry != fs::directory_iterator();
         entry.increment(none))
      if (is_written_through(entry->path().filename().string())) refuse_link(entry->path());
  }
}

void check_free_or_same(const RunDirectory& directory, const StoredDifferences& differences) {
  refuse_links(directory);
  if (directory.holds_run())
    check_same(directory, differences);
  else
    check_free(directory);
}

/// The path itself, or the nearest folder above it that exists: where making directories would begin.
fs::path nearest_existing(const fs::path& path) {
  std::error_code unknown;  // e.g. below a file: then the file is what exists
  fs::path nearest = fs::absolute(path).lexically_normal();
  while (!fs::exists(nearest, unknown) && nearest != nearest.root_path()) nearest = nearest.parent_path();
  return nearest;
}

void check_writable(const fs::path& path) {
  const fs::path nearest = nearest_existing(path);
  if (!fs::is_directory(nearest))
    throw UsageError("the run directory {} cannot be made: {} is a file. Choose another with --run DIR.",
                     path.string(), nearest.string());
  if (access(nearest.c_str(), W_OK | X_OK) != 0)
    throw UsageError(
        "the run directory {} cannot be written: {}: {}. Choose another with --run DIR, or mend the permissions.",
        path.string(), nearest.string(), std::strerror(errno));
}

void check_room(const fs::path& path, std::uint64_t bytes) {
  std::error_code unknown;  // some file systems do not tell; then writing will
  const fs::space_info space = fs::space(nearest_existing(path), unknown);
  if (unknown || space.capacity == 0 || space.available >= bytes) return;
  throw RuntimeError(
      "the disk of the run directory {} has {:.1f} MB free, but a checkpoint needs at least {:.1f} MB. Free some space, or choose another disk with --run DIR.",
      path.string(), static_cast<double>(space.available) / 1e6, static_cast<double>(bytes) / 1e6);
}

}  // namespace

fs::path RunDirectory::log_file(int rank) const { return logs() / fmt::format("rank-{}.log", rank); }

std::string RunDirectory::chosen_checkpoint() const {
  for (const char* link : {"best", "latest"})
    if (const auto path = io::follow_link(checkpoints() / link)) return path->string();
  return {};
}

bool RunDirectory::holds_run() const {
  std::error_code unknown;
  return fs::is_regular_file(config(), unknown);
}

std::string RunDirectory::stored_config() const {
  if (!holds_run())
    throw UsageError(
        "{} is not a run directory: there is no config.yaml in it. `annulus train` makes one; its place is runs/NAME unless --run says otherwise.",
        path_.string());
  constexpr std::uint64_t kMostBytes = 4 << 20;  // more than the reader of configurations takes
  const auto text = io::read_small_file(config(), kMostBytes);
  if (!text) throw UsageError("{} cannot be read, or is too large to be a configuration.", config().string());
  return *text;
}

std::string RunDirectory::stored_environment() const {
  constexpr std::uint64_t kMostBytes = 64 << 20;  // it keeps what it says of earlier starts
  return io::read_small_file(environment(), kMostBytes).value_or("");
}

std::string RunDirectory::stored_data() const {
  constexpr std::uint64_t kMostBytes = 64 << 20;  // names take 16 MB at most, escaped more
  return io::read_small_file(data(), kMostBytes).value_or("");
}

void check_run(const RunDirectory& directory, const StoredDifferences& differences,
               std::uint64_t checkpoint_bytes) {
  check_free_or_same(directory, differences);
  for (const fs::path& path : {directory.path(), directory.checkpoints(), directory.logs()})
    check_writable(path);
  check_room(directory.path(), checkpoint_bytes);
}

RunClaim start_run(const RunDirectory& directory, const RunStart& start) {
  check_free_or_same(directory, start.differences);
  for (const fs::path& path : {directory.checkpoints(), directory.logs(), directory.crash()})
    make_directory(path);
  RunClaim claim(directory.path());
  io::try_out_folder(directory.checkpoints());
  clear_traces(directory.path());
  io::write_text_file(directory.environment(),
                      environment_json(start.environment, directory.stored_environment()));
  io::write_text_file(directory.config(), start.config);
  return claim;
}

}  // namespace annulus::trainer
