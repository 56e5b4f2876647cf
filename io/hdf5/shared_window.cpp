// Memory of System V, which is gone with the last process that is attached.
#include <sys/ipc.h>
#include <sys/shm.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {
namespace {

void check_system(bool succeeded, const char* call) {
  if (!succeeded)
    throw RuntimeError(
        "memory to be shared with a process that reads an HDF5 file could not be had: {} failed ({}). Is a limit of memory reached?",
        call, std::strerror(errno));
}

}  // namespace

void SharedWindow::grow(std::size_t bytes) {
  if (bytes <= size_) return;
  detach();
  const int id = ::shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  check_system(id >= 0, "shmget");
  attach(static_cast<std::uint64_t>(id), bytes);
  // It lives as long as somebody is attached, and Linux lets the other process attach still.
  check_system(::shmctl(id, IPC_RMID, nullptr) == 0, "shmctl");
}

void SharedWindow::attach(std::uint64_t id, std::size_t bytes) {
  if (place_ != nullptr && id == id_) return;
  detach();
  void* const place = ::shmat(static_cast<int>(id), nullptr, 0);
  check_system(reinterpret_cast<std::intptr_t>(place) != -1, "shmat");
  id_ = id;
  place_ = static_cast<std::byte*>(place);
  size_ = bytes;
}

void SharedWindow::detach() noexcept {
  if (place_ != nullptr && ::shmdt(place_) != 0)
    std::fprintf(stderr, "warning: shmdt: %s\n", std::strerror(errno));
  place_ = nullptr;
  size_ = 0;
}

}  // namespace annulus::io
