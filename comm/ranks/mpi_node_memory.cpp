// A shared MPI window: the first rank of the host allocates all of it, the others look it up.
#include "comm/ranks/mpi_node_memory.hpp"

#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::comm {
namespace {

/// False when a block certainly does not fit into /dev/shm, where Open MPI keeps it unless told otherwise.
bool may_fit(std::size_t bytes) {
  struct statvfs room {};
  if (std::getenv("OMPI_MCA_osc_sm_backing_store_directory") != nullptr || access("/dev/shm", W_OK) != 0 ||
      statvfs("/dev/shm", &room) != 0)
    return true;
  return static_cast<double>(room.f_bavail) * static_cast<double>(room.f_frsize) >=
         static_cast<double>(bytes);
}

/// Makes the system give all pages of a block now. Linux can since 5.14; older ones are believed to have
/// them.
/// @return false when there are not enough
bool take_memory(std::span<std::byte> block) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, which glibc 2.31 does not name
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(block.data()) / page * page;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(block.data() + block.size());
  while (madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateWrite) !=
         0)  // NOLINT(performance-no-int-to-ptr)
    if (errno != EINTR && errno != EAGAIN) return errno == EINVAL;
  return true;
}

class SharedMemory final : public NodeMemory {
 public:
  SharedMemory(MpiGroup& node, std::size_t bytes) : node_(node), size_(bytes) {
    // The calls below have no limit of their own, and one that fails on the first rank does not come back on
    // others.
    std::byte fits{node.rank() == 0 && may_fit(bytes)};
    node.broadcast(std::span(&fits, 1), 0, "room for memory shared on a host");
    node.barrier("allocation of memory shared on a host");
    if (fits == std::byte{0}) throw no_room();
    allocate(node.rank() == 0 ? bytes : 0);
    return_errors(window_);
    MPI_Aint found = 0;
    int unit = 0;
    CHECK_MPI(MPI_Win_shared_query(window_, 0, &found, &unit, &data_));
    expect_contract(static_cast<std::size_t>(found) == bytes, "all ranks of a host ask for the same size");
    take_pages();
    CHECK_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, window_));  // opens the epoch that MPI_Win_sync needs
  }

  ~SharedMemory() override {
    if (std::uncaught_exceptions() > 0) return;  // collective: the peers may never come
    try {
      node_.barrier("release of memory shared on a host");
      CHECK_MPI(MPI_Win_unlock_all(window_));
      CHECK_MPI(MPI_Win_free(&window_));
    } catch (const std::exception& error) {
      log_error("{}", error.what());
    }
  }

  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::span<std::byte> bytes() override { return {static_cast<std::byte*>(data_), size_}; }
  int part() const override { return node_.rank(); }
  int parts() const override { return node_.size(); }
  void synchronise() override {
    CHECK_MPI(MPI_Win_sync(window_));
    node_.barrier("filling of memory shared on a host");
    CHECK_MPI(MPI_Win_sync(window_));
  }

 private:
  void allocate(std::size_t bytes) {
    void* mine = nullptr;
    const int code = MPI_Win_allocate_shared(static_cast<MPI_Aint>(bytes), 1, MPI_INFO_NULL,
                                             node_.communicator(), &mine, &window_);
    if (code != MPI_SUCCESS) throw no_room();
  }

  /// Each rank takes those of its part, so that they lie near its cores.
  void take_pages() {
    const std::size_t begin =
        size_ * static_cast<std::size_t>(node_.rank()) / static_cast<std::size_t>(node_.size());
    const std::size_t end =
        size_ * (static_cast<std::size_t>(node_.rank()) + 1) / static_cast<std::size_t>(node_.size());
    const auto taken = static_cast<std::byte>(take_memory(bytes().subspan(begin, end - begin)));
    std::vector<std::byte> all(static_cast<std::size_t>(node_.size()));
    node_.all_gather(std::span(&taken, 1), all, "pages of memory shared on a host");
    if (std::ranges::all_of(all, [](std::byte one) { return one != std::byte{0}; })) return;
    const NoSharedMemory error = no_room();
    CHECK_MPI(MPI_Win_free(&window_));  // all ranks are here
    throw error;
  }

  NoSharedMemory no_room() const {
    struct statvfs room {};
    const bool known = statvfs("/dev/shm", &room) == 0;
    return NoSharedMemory(
        "this host has no room for {:.0f} MB of memory shared by its ranks, which keeps one copy of the data set per host instead of one per rank{}. Enlarge /dev/shm (`df -h /dev/shm`; a container starts with 64 MB: docker's --shm-size), end other jobs of this host, or lower data.resident_mb so that the data are read in pieces.",
        static_cast<double>(size_) / 1e6,
        known ? fmt::format(": /dev/shm has {:.0f} MB free",
                            static_cast<double>(room.f_bavail) * static_cast<double>(room.f_frsize) / 1e6)
              : "");
  }

  MpiGroup& node_;
  std::size_t size_;
  MPI_Win window_ = MPI_WIN_NULL;
  void* data_ = nullptr;
};

}  // namespace

/// Twice what is asked for: what is left is for others on this host.
bool has_room_for_shared_memory(std::size_t bytes) {
  struct statvfs room {};
  if (statvfs("/dev/shm", &room) != 0) return false;
  return static_cast<double>(room.f_bavail) * static_cast<double>(room.f_frsize) >
         2.0 * static_cast<double>(bytes);
}

std::unique_ptr<NodeMemory> make_shared_memory(MpiGroup& node, std::size_t bytes) {
  return std::make_unique<SharedMemory>(node, bytes);
}

}  // namespace annulus::comm
