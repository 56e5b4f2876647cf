// Ranks that work together on host memory. One rank is a real group, so no caller asks "are we alone?".
//
// In: this rank's bytes or floats, and in words what they are sent for.
// Out: the same collective result on every rank, or a PeerError that says what was waited for.
// Invariant: all ranks call the same collectives in the same order; every wait has a name and a limit.
// Nothing outside of comm sees MPI.
// Next: mpi_session.hpp (how a process becomes a rank), serial_group.cpp (the contract at its smallest),
// comm/host/gradient_reducer.hpp (who uses it most).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace annulus::comm {

/// Tags from here on belong to the gradient reducer; callers of start_send use smaller ones.
constexpr int kReservedTags = 1024;

/// For waits that somebody else watches: a hundred years.
constexpr std::chrono::seconds kNoLimit = std::chrono::hours(24 * 365 * 100);

/// A transfer under way; finished when test() has returned true.
class Transfer {
 public:
  virtual ~Transfer() = default;
  /// Moves it on without waiting. @return whether it has finished. @throws PeerError, RuntimeError
  virtual bool test() = 0;
};

/// Collectives and exchanges over typed spans that count elements. Every rank calls the collectives in the
/// same order from the thread that created the group. Waits are bounded by `limit()`; past it they throw
/// PeerError naming what was waited for.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  virtual void barrier(std::string_view purpose) = 0;
  virtual void broadcast(std::span<std::byte> data, int root, std::string_view purpose) = 0;
  /// Each rank gives `mine`; `all` (size() * mine.size()) comes back in rank order.
  virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                          std::string_view purpose) = 0;

  /// Sums over ranks in the library's own order: fast, not reproducible across world sizes.
  virtual std::unique_ptr<Transfer> start_all_reduce_sum(std::span<float> data) = 0;
  /// Point to point; matched by (peer, tag). `data` stays untouched until the transfer has finished.
  virtual std::unique_ptr<Transfer> start_send(std::span<const float> data, int peer, int tag) = 0;
  virtual std::unique_ptr<Transfer> start_receive(std::span<float> data, int peer, int tag) = 0;

  /// Waits for a transfer, at most `limit()`. @throws PeerError naming `purpose`
  void wait(Transfer& transfer, std::string_view purpose);
  std::chrono::seconds limit() const { return limit_; }
  void set_limit(std::chrono::seconds limit) { limit_ = limit; }

 private:
  std::chrono::seconds limit_{300};
};

/// The error of a rank that has waited for the others longer than the group's limit.
PeerError late_peers(const ProcessGroup& group, std::string_view purpose);

/// The group of one rank.
std::unique_ptr<ProcessGroup> make_serial_group();

}  // namespace annulus::comm
