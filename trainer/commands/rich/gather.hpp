// Brings what ranks made to rank 0, as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "comm/ranks/process_group.hpp"

namespace annulus::trainer {

/// The bytes of all ranks on rank 0, by rank; its own entry is empty, as its own need no way. Collective.
/// @param mine  of this rank; rank 0's are not looked at. Megabytes: move them in
/// @param what  for the message when a rank waits too long, e.g. "simulated events"
/// @return nothing on other ranks
std::vector<std::vector<std::byte>> gather_bytes(comm::ProcessGroup& group, std::vector<std::byte> mine,
                                                 std::string_view what);

/// The same without meeting: a rank sends one part after another and goes on, rank 0 takes them when it
/// comes to it.
class PartSender {
 public:
  /// @param ahead  parts that rank 0 need not have taken while this rank makes the next
  /// @param what   for the message when rank 0 takes too long
  PartSender(comm::ProcessGroup& group, std::size_t ahead, std::string what);
  /// @throws PeerError when rank 0 takes too long
  void send(std::vector<std::byte> part);

 private:
  struct Part {
    std::uint64_t size = 0;
    std::vector<std::byte> bytes;
    std::unique_ptr<comm::Transfer> size_transfer;
    std::unique_ptr<comm::Transfer> transfer;
  };
  comm::ProcessGroup& group_;
  std::size_t ahead_;
  std::string what_;
  std::deque<Part> under_way_;  ///< which does not move its elements
};

/// On rank 0, takes the next part that `peer` sends. Memory that `part` has is used again.
void receive_part(comm::ProcessGroup& group, int peer, std::string_view what, std::vector<std::byte>& part);

}  // namespace annulus::trainer
