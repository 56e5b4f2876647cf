// Each check does what a run does, with its own files, and takes them away again: what a file system promises
// and what it does are two things.
#include "trainer/preflight/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <numeric>

#include "io/files/descriptor.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/link.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

using io::Descriptor;

struct KnownFileSystem {
  long magic;
  const char* name;
  bool network;
};

/// Numbers that linux/magic.h does not have are from statfs(2) and from the makers' own headers.
constexpr std::array<KnownFileSystem, 16> kFileSystems{{{EXT4_SUPER_MAGIC, "ext4", false},
                                                        {XFS_SUPER_MAGIC, "xfs", false},
                                                        {BTRFS_SUPER_MAGIC, "btrfs", false},
                                                        {0x2fc12fc1, "zfs", false},
                                                        {TMPFS_MAGIC, "tmpfs", false},
                                                        {OVERLAYFS_SUPER_MAGIC, "overlayfs", false},
                                                        {NFS_SUPER_MAGIC, "nfs", true},
                                                        {0xff534d42, "cifs", true},
                                                        {SMB2_SUPER_MAGIC, "smb2", true},
                                                        {0x0bd00bd0, "lustre", true},
                                                        {0x47504653, "gpfs", true},
                                                        {0x19830326, "beegfs", true},
                                                        {CEPH_SUPER_MAGIC, "ceph", true},
                                                        {AFS_SUPER_MAGIC, "afs", true},
                                                        {V9FS_MAGIC, "9p", true},
                                                        {FUSE_SUPER_MAGIC, "fuse", true}}};

Finding judge_file_system(const fs::path& directory) {
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0)
    return {Grade::warning, "file system", fmt::format("{}: {}", directory.string(), std::strerror(errno))};
  const auto magic = static_cast<unsigned>(status.f_type);
  const auto known = std::ranges::find_if(
      kFileSystems, [&](const KnownFileSystem& each) { return static_cast<unsigned>(each.magic) == magic; });
  if (known == kFileSystems.end())
    return {Grade::good, "file system", fmt::format("{} is on one of type {:#x}", directory.string(), magic)};
  const bool memory = known->magic == TMPFS_MAGIC;
  return {memory ? Grade::warning : Grade::good, "file system",
          fmt::format("{} is on {}{}", directory.string(), known->name,
                      known->network ? ", a network file system"
                      : memory ? ", which is memory and gone after a restart; name a run on a disk with --run"
                               : "")};
}

Descriptor open_in(const fs::path& path) {
  return Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

[[noreturn]] void fail(const char* call) { throw RuntimeError("{} failed ({})", call, std::strerror(errno)); }

/// Seconds that a write of 4 KB and its sync take, the median of some; nothing where the file system has
/// none.
std::optional<double> sync_seconds(const fs::path& path) {
  const Descriptor file = open_in(path);
  if (file.get() < 0) fail("open");
  const std::string block(4096, 'x');
  std::array<double, 5> seconds{};
  for (double& each : seconds) {
    const auto start = std::chrono::steady_clock::now();
    if (::write(file.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size())) fail("write");
    const bool synced = ::fsync(file.get()) == 0;
    if (!synced && io::is_unsupported(errno)) return std::nullopt;
    if (!synced) fail("fsync");
    each = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

Finding judge_sync(const fs::path& folder) {
  constexpr double kSlow = 0.5;
  const std::optional<double> seconds = sync_seconds(folder / "sync");
  if (!seconds)
    return {
        Grade::warning, "sync",
        "files cannot be synced here: a run works, but after a power cut its newest files may be damaged or missing"};
  const std::string text = fmt::format("4 KB are written and synced in {:.1f} ms", 1e3 * *seconds);
  if (*seconds < kSlow) return {Grade::good, "sync", text};
  return {Grade::warning, "sync",
          text + ": every checkpoint waits for several; choose a faster disk with --run"};
}

/// Why a kind of lock does not work, empty when it does.
std::string broken_lock(const fs::path& path, const std::function<int(int)>& lock) {
  const Descriptor one = open_in(path);
  const Descriptor other = open_in(path);
  if (one.get() < 0 || other.get() < 0) return std::strerror(errno);
  if (lock(one.get()) != 0) return std::strerror(errno);
  return lock(other.get()) == 0 ? "two holders at once" : "";
}

/// Annulus opens HDF5 files without locks; other programs do not.
Finding judge_locks(const fs::path& folder) {
  const std::string whole =
      broken_lock(folder / "flock", [](int file) { return ::flock(file, LOCK_EX | LOCK_NB); });
  const std::string range = broken_lock(folder / "fcntl", [](int file) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return ::fcntl(file, F_OFD_SETLK, &lock);
  });
  if (whole.empty() && range.empty()) return {Grade::good, "file locks", "flock and fcntl work"};
  return {
      Grade::warning, "file locks",
      fmt::format(
          "{} does not work ({}); this program needs none, but h5py and others may refuse files there: set HDF5_USE_FILE_LOCKING=FALSE for them",
          whole.empty() ? "fcntl" : "flock", whole.empty() ? range : whole)};
}

void try_hdf5(const fs::path& folder) {
  const std::string path = (folder / "try.h5").string();
  std::vector<float> values(4096);
  std::iota(values.begin(), values.end(), 0.0F);
  io::Hdf5File file = io::Hdf5File::create(path);
  file.write<float>("group/values", {64, 64}, values, {.chunk_rows = 8});
  file.close();
  if (io::Hdf5File::open_own(path).read<float>("group/values") != values)
    throw RuntimeError("an HDF5 file reads back other values than were written");
}

/// Complete or absent: what checkpoints are published by.
void try_publishing(const fs::path& folder) {
  io::write_text_file(folder / "published", "first");
  io::write_text_file(folder / "published", "second");
  io::replace_link(folder / "latest", "published");
  const auto latest = io::follow_link(folder / "latest");
  if (!latest || fs::file_size(*latest) != 6)
    throw RuntimeError("a link does not lead to the file it was made for");
}

/// One line for one trial: ok, or a failure with what went wrong.
Finding attempt(const char* what, const std::string& good, const std::function<void()>& trial) {
  try {
    trial();
    return {Grade::good, what, good};
  } catch (const std::exception& error) {
    return {Grade::failure, what, fmt::format("{}; choose another place with --run", error.what())};
  }
}

class ProbeFolder {
 public:
  explicit ProbeFolder(const fs::path& parent)
      : path_(parent / fmt::format(".annulus-doctor-{}", ::getpid())) {
    if (std::error_code error; !fs::create_directory(path_, error))
      throw RuntimeError("{} cannot be written ({})", parent.string(), error.message());
  }
  ~ProbeFolder() {
    std::error_code ignored;  // a few kilobytes left behind harm nobody
    fs::remove_all(path_, ignored);
  }
  ProbeFolder(const ProbeFolder&) = delete;
  ProbeFolder& operator=(const ProbeFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

fs::path nearest_directory(const fs::path& path) {
  std::error_code unknown;  // e.g. below a file
  fs::path nearest = fs::absolute(path).lexically_normal();
  if (!nearest.has_filename()) nearest = nearest.parent_path();  // "runs/" and "."
  while (!fs::is_directory(nearest, unknown) && nearest != nearest.root_path())
    nearest = nearest.parent_path();
  return nearest;
}

std::optional<std::uint64_t> free_bytes(const fs::path& directory) {
  std::error_code unknown;
  const fs::space_info space = fs::space(directory, unknown);
  if (unknown || space.capacity == 0) return std::nullopt;
  return space.available;
}

std::vector<Finding> try_directory(const fs::path& directory) {
  std::vector<Finding> findings{judge_file_system(directory)};
  try {
    const ProbeFolder folder(directory);
    findings.push_back(judge_sync(folder.path()));
    findings.push_back(judge_locks(folder.path()));
    findings.push_back(attempt("files", "written, synced, renamed over each other, linked and removed",
                               [&] { try_publishing(folder.path()); }));
    if (findings.back().grade == Grade::good && !fs::is_symlink(folder.path() / "latest"))
      findings.push_back(
          {Grade::warning, "links",
           "there are no symbolic links here: `latest` and `best` of a run are text files, latest.txt and best.txt"});
    findings.push_back(
        attempt("HDF5", "a file is written and reads back the same", [&] { try_hdf5(folder.path()); }));
  } catch (const Error& error) {
    findings.push_back(
        {Grade::failure, "directory", fmt::format("{}; choose another place with --run", error.what())});
  }
  return findings;
}

Finding try_sharing(comm::ProcessGroup& group, const fs::path& directory) {
  const fs::path path = directory / ".annulus-doctor-shared";
  on_rank_zero(group, "shared directory", [&] {
    std::error_code ignored;  // what cannot be written, try_directory() has reported
    fs::create_directory(path, ignored);
  });
  const std::byte seen{fs::exists(path)};
  std::vector<std::byte> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::span(&seen, 1), all, "shared directory");
  on_rank_zero(group, "shared directory", [&] {
    std::error_code ignored;
    fs::remove(path, ignored);
  });
  if (all[0] == std::byte{0})
    return {Grade::warning, "shared", "not tried: rank 0 cannot write in " + directory.string()};
  const auto blind = std::ranges::find(all, std::byte{0});
  if (blind == all.end())
    return {Grade::good, "shared", "every rank sees the same files in " + directory.string()};
  return {
      Grade::warning, "shared",
      fmt::format(
          "rank {} does not see in {} what rank 0 writes there: its log and crash records would stay on its host, and data must be copied to every host; name a directory that all hosts share with --run",
          blind - all.begin(), directory.string())};
}

}  // namespace annulus::trainer
