// Names as Open MPI 4 and 5 give them (opal/mca/btl/vader and sm: vader_segment.HOST.UID.JOB.RANK,
// sm_segment....; orte/util/session_dir.c: ompi.HOST.UID/pid.NUMBER-OF-MPIRUN), and NCCL's nccl-*.
#include "trainer/preflight/leftovers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

struct Leftovers {
  std::vector<std::string> paths;
  double megabytes = 0;
};

bool is_mine(const fs::path& path, struct stat& status) {
  return ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code none;  // not there, or not ours: nothing to say about it
  fs::directory_iterator entry(folder, none);
  for (; !none && entry != fs::directory_iterator(); entry.increment(none)) found.push_back(entry->path());
  std::ranges::sort(found);
  return found;
}

bool is_number(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Inodes that processes have mapped, as far as this user may look.
std::set<ino_t> mapped(const fs::path& processes) {
  std::set<ino_t> inodes;
  for (const fs::path& process : entries_of(processes)) {
    if (!is_number(process.filename().string())) continue;
    std::ifstream file(process / "maps");
    std::string address;
    std::string rights;
    std::string offset;
    std::string device;
    ino_t inode = 0;
    for (std::string rest; file >> address >> rights >> offset >> device >> inode; std::getline(file, rest))
      if (inode != 0) inodes.insert(inode);
  }
  return inodes;
}

void add_segments(const LeftoverPlaces& places, Leftovers& left) {
  std::vector<std::pair<fs::path, struct stat>> segments;
  for (const fs::path& path : entries_of(places.shared)) {
    const std::string name = path.filename().string();
    struct stat status {};
    const bool known =
        name.starts_with("vader_segment.") || name.starts_with("sm_segment.") || name.starts_with("nccl-");
    if (known && is_mine(path, status)) segments.emplace_back(path, status);
  }
  if (segments.empty()) return;
  const std::set<ino_t> in_use = mapped(places.processes);
  for (const auto& [path, status] : segments) {
    if (in_use.contains(status.st_ino)) continue;
    left.paths.push_back(path.string());
    left.megabytes += static_cast<double>(status.st_blocks) * 512e-6;
  }
}

void add_sessions(const LeftoverPlaces& places, Leftovers& left) {
  for (const fs::path& host : entries_of(places.temporary)) {
    struct stat status {};
    if (!host.filename().string().starts_with("ompi.") || !is_mine(host, status)) continue;
    for (const fs::path& session : entries_of(host)) {
      const std::string name = session.filename().string();
      std::error_code none;
      if (!name.starts_with("pid.") || !is_number(name.substr(4)) ||
          fs::exists(places.processes / name.substr(4), none))
        continue;
      left.paths.push_back(session.string());
      fs::recursive_directory_iterator entry(session, none);
      for (; !none && entry != fs::recursive_directory_iterator(); entry.increment(none))
        if (::lstat(entry->path().c_str(), &status) == 0)
          left.megabytes += static_cast<double>(status.st_blocks) * 512e-6;
    }
  }
}

}  // namespace

Finding find_leftovers(const LeftoverPlaces& places) {
  Leftovers left;
  add_segments(places, left);
  add_sessions(places, left);
  if (left.paths.empty())
    return {Grade::good, "leftovers", "nothing is left here of jobs whose mpirun was killed"};
  constexpr std::size_t kMostNamed = 8;
  const std::size_t more = left.paths.size() - std::min(left.paths.size(), kMostNamed);
  left.paths.resize(left.paths.size() - more);
  return {
      Grade::warning, "leftovers",
      fmt::format(
          "{:.1f} MB of jobs whose mpirun was killed are still here, and no process uses them; if none of "
          "yours runs in another container, remove them: rm -r {}{}",
          left.megabytes, fmt::join(left.paths, " "),
          more > 0 ? fmt::format(" (and {} more like these)", more) : "")};
}

}  // namespace annulus::trainer
