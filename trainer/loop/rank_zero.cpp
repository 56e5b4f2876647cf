// Two small broadcasts: whether it went well, and if not, the words.
#include "trainer/loop/rank_zero.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// Rank 0 gives, the others receive. @throws Error on the ranks that received one
void share(comm::ProcessGroup& group, std::string_view purpose, ExitCode code, std::string message) {
  std::array<std::uint64_t, 2> head{static_cast<std::uint64_t>(code), message.size()};
  group.broadcast(std::as_writable_bytes(std::span(head)), 0, purpose);
  if (head[0] == static_cast<std::uint64_t>(ExitCode::done)) return;
  message.resize(head[1]);
  group.broadcast(std::as_writable_bytes(std::span(message)), 0, purpose);
  if (group.rank() != 0) throw Error(static_cast<ExitCode>(head[0]), message);
}

}  // namespace

void on_rank_zero(comm::ProcessGroup& group, std::string_view purpose, const std::function<void()>& work) {
  if (group.rank() != 0) return share(group, purpose, ExitCode::done, {});
  try {
    work();
  } catch (const Error& error) {
    share(group, purpose, error.code(), error.what());
    throw;
  }
  share(group, purpose, ExitCode::done, {});
}

}  // namespace annulus::trainer
