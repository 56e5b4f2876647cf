// A shared MPI window: the first rank of the host allocates all of it, the others look it up.
#include "comm/ranks/mpi_node_memory.hpp"

#include <sys/statvfs.h>

#include <exception>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::comm {
namespace {

class SharedMemory final : public NodeMemory {
 public:
  SharedMemory(MpiGroup& node, std::size_t bytes) : node_(node), size_(bytes) {
    node.barrier("allocation of memory shared on a host");  // the calls below have no limit of their own
    allocate(node.rank() == 0 ? bytes : 0);
    return_errors(window_);
    MPI_Aint found = 0;
    int unit = 0;
    CHECK_MPI(MPI_Win_shared_query(window_, 0, &found, &unit, &data_));
    expect_contract(static_cast<std::size_t>(found) == bytes, "all ranks of a host ask for the same size");
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
    if (code != MPI_SUCCESS) {
      throw RuntimeError(
          "This host has no room for {:.0f} MB of memory shared by its ranks, which keeps one copy of the data set per host instead of one per rank. Look at 'df -h /dev/shm' (a container starts with 64 MB: --shm-size raises it), or lower the memory budget of the data set so that it is read in pieces.",
          static_cast<double>(size_) / 1e6);
    }
  }

  MpiGroup& node_;
  std::size_t size_;
  MPI_Win window_ = MPI_WIN_NULL;
  void* data_ = nullptr;
};

}  // namespace

/// Twice what is asked for, as pages are taken only when they are first written: a process that finds none
/// then is ended by SIGBUS, not by an error.
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
