// A program whose ranks fail as its only word says: `alike` and `differently` all of them, `one` the last
// alone, while the others wait for it. What meet_failed() finds is printed, then followed as `main` of the
// real program follows it. `stopped`: all stop as soon as MPI has started; `last-stopped`: the last one does,
// while the others have come to their end.
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "comm/ranks/mpi_session.hpp"

namespace {

using annulus::ExitCode;
using annulus::comm::Failure;

const char* name_of(Failure failure) {
  if (failure == Failure::alone) return "alone";
  return failure == Failure::of_all_alike ? "of all alike" : "of all";
}

}  // namespace

int main(int argc, char** argv) {
  annulus::comm::MpiSession session(argc, argv);
  const std::string failing = argc > 1 ? argv[1] : "";
  const auto rank = static_cast<std::uint64_t>(session.world().rank);
  const bool is_last = session.world().rank + 1 == session.world().ranks;
  if (failing == "stopped" || (failing == "last-stopped" && is_last)) std::raise(SIGSTOP);
  if (failing == "last-stopped") return static_cast<int>(ExitCode::done);
  if (failing == "one" && !is_last) {
    session.group().barrier("the rank that fails");
    std::puts("waited for a rank that never came");
    return static_cast<int>(ExitCode::done);
  }
  std::array<float, 4> sum{};  // odd ranks fail while a sum is under way, which the others never get to
  std::unique_ptr<annulus::comm::Transfer> under_way;
  if (failing == "differently" && rank % 2 == 1) under_way = session.group().start_all_reduce_sum(sum);
  const Failure failure = session.meet_failed(failing == "differently" ? rank : 7);
  std::printf("rank %d: %s\n", session.world().rank, name_of(failure));
  if (failure == Failure::alone) session.abort(ExitCode::peer);
  return static_cast<int>(ExitCode::data);
}
