// Nonblocking MPI calls behind the process group.
#include "comm/ranks/mpi_group.hpp"

#include <algorithm>
#include <exception>
#include <limits>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::comm {
namespace {

/// Counts are ints in MPI 3.
int to_count(std::size_t count) {
  expect_contract(count <= static_cast<std::size_t>(std::numeric_limits<int>::max()),
                  "one MPI message has at most 2^31 - 1 elements");
  return static_cast<int>(count);
}

/// One request. Destroyed unfinished, it is left to MPI: that happens only while the program goes down.
class MpiTransfer final : public Transfer {
 public:
  explicit MpiTransfer(MPI_Request request) : request_(request) {}
  bool test() override {
    int done = 0;
    CHECK_MPI(MPI_Test(&request_, &done, MPI_STATUS_IGNORE));  // a finished request is null and tests true
    return done != 0;
  }

 private:
  MPI_Request request_;
};

}  // namespace

void CommunicatorTraits::close(type communicator) noexcept {
  if (std::uncaught_exceptions() > 0) return;  // collective: the peers may never come
  if (MPI_Comm_free(&communicator) != MPI_SUCCESS) log_warning("MPI could not free a communicator");
}

MpiGroup::MpiGroup(OwnedCommunicator communicator) : communicator_(std::move(communicator)) {
  return_errors(communicator_.get());
  CHECK_MPI(MPI_Comm_rank(communicator_.get(), &rank_));
  CHECK_MPI(MPI_Comm_size(communicator_.get(), &size_));
}

std::unique_ptr<MpiGroup> MpiGroup::duplicate(MPI_Comm communicator) {
  MPI_Comm copy = MPI_COMM_NULL;
  CHECK_MPI(MPI_Comm_dup(communicator, &copy));
  return std::make_unique<MpiGroup>(OwnedCommunicator(copy));
}

void MpiGroup::expect_owner() const {
  expect_contract(std::this_thread::get_id() == owner_,
                  "a process group is used from the thread that made it");
}

void MpiGroup::barrier(std::string_view purpose) {
  expect_owner();
  MPI_Request request = MPI_REQUEST_NULL;
  CHECK_MPI(MPI_Ibarrier(communicator_.get(), &request));
  MpiTransfer transfer(request);
  wait(transfer, purpose);
}

void MpiGroup::broadcast(std::span<std::byte> data, int root, std::string_view purpose) {
  expect_owner();
  constexpr std::size_t kPieceBytes = std::size_t{1} << 26;  // far below the int limit of a count
  for (std::size_t begin = 0; begin < data.size(); begin += kPieceBytes) {
    const auto piece = data.subspan(begin, std::min(kPieceBytes, data.size() - begin));
    MPI_Request request = MPI_REQUEST_NULL;
    CHECK_MPI(
        MPI_Ibcast(piece.data(), to_count(piece.size()), MPI_BYTE, root, communicator_.get(), &request));
    MpiTransfer transfer(request);
    wait(transfer, purpose);
  }
}

void MpiGroup::all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                          std::string_view purpose) {
  expect_owner();
  expect_contract(all.size() == mine.size() * static_cast<std::size_t>(size_),
                  "all_gather returns size() times what one rank gives");
  const int count = to_count(mine.size());
  MPI_Request request = MPI_REQUEST_NULL;
  CHECK_MPI(MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, communicator_.get(),
                           &request));
  MpiTransfer transfer(request);
  wait(transfer, purpose);
}

std::unique_ptr<Transfer> MpiGroup::start_all_reduce_sum(std::span<float> data) {
  expect_owner();
  MPI_Request request = MPI_REQUEST_NULL;
  CHECK_MPI(MPI_Iallreduce(MPI_IN_PLACE, data.data(), to_count(data.size()), MPI_FLOAT, MPI_SUM,
                           communicator_.get(), &request));
  return std::make_unique<MpiTransfer>(request);
}

std::unique_ptr<Transfer> MpiGroup::start_send(std::span<const float> data, int peer, int tag) {
  expect_owner();
  MPI_Request request = MPI_REQUEST_NULL;
  CHECK_MPI(
      MPI_Isend(data.data(), to_count(data.size()), MPI_FLOAT, peer, tag, communicator_.get(), &request));
  return std::make_unique<MpiTransfer>(request);
}

std::unique_ptr<Transfer> MpiGroup::start_receive(std::span<float> data, int peer, int tag) {
  expect_owner();
  MPI_Request request = MPI_REQUEST_NULL;
  CHECK_MPI(
      MPI_Irecv(data.data(), to_count(data.size()), MPI_FLOAT, peer, tag, communicator_.get(), &request));
  return std::make_unique<MpiTransfer>(request);
}

}  // namespace annulus::comm
