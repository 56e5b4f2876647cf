// A process group over an MPI communicator of its own. Private to comm: only here and in the session is MPI
// visible.
#pragma once

#include <thread>

#include "base/unique_handle.hpp"
#include "comm/ranks/mpi_check.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {

struct CommunicatorTraits {
  using type = MPI_Comm;
  static inline const type null = MPI_COMM_NULL;
  static void close(type communicator) noexcept;
};
using OwnedCommunicator = UniqueHandle<CommunicatorTraits>;

/// Everything is started nonblocking and tested, so that every wait has a limit. MPI is initialised for calls
/// from one thread: the group belongs to the thread that made it. After a PeerError transfers may still be
/// under way in the caller's buffers; the program must end.
class MpiGroup final : public ProcessGroup {
 public:
  /// Takes over a communicator that nobody else uses.
  explicit MpiGroup(OwnedCommunicator communicator);
  /// A group over the same ranks as `communicator`, with messages of its own. Collective.
  static std::unique_ptr<MpiGroup> duplicate(MPI_Comm communicator);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  MPI_Comm communicator() const { return communicator_.get(); }

  void barrier(std::string_view purpose) override;
  void broadcast(std::span<std::byte> data, int root, std::string_view purpose) override;
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                  std::string_view purpose) override;
  std::unique_ptr<Transfer> start_all_reduce_sum(std::span<float> data) override;
  std::unique_ptr<Transfer> start_send(std::span<const float> data, int peer, int tag) override;
  std::unique_ptr<Transfer> start_receive(std::span<float> data, int peer, int tag) override;

 private:
  void expect_owner() const;

  OwnedCommunicator communicator_;
  std::thread::id owner_ = std::this_thread::get_id();
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace annulus::comm
