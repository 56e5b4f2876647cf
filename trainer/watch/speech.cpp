// Without a run directory there is nowhere to put a file that nobody would have to remove. An address of a
// local socket without a file (unix(7), "abstract") has one owner, and goes with its process; nobody listens
// there.
#include "trainer/watch/speech.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>

#include "trainer/watch/crash_record.hpp"

namespace annulus::trainer {
namespace {

/// For as long as the process lives: the descriptor is never closed.
bool claim_on_host(std::uint64_t start) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("annulus-speech-{:016x}", start);
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // the leading 0 makes it abstract
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return socket < 0 || ::bind(socket, reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
         errno != EADDRINUSE;
}

}  // namespace

bool claim_speech(const WatchState& state) {
  const std::filesystem::path run = state.run();
  return run.empty() ? claim_on_host(state.party.start) : claim_origin(run / "crash", state.party.rank);
}

}  // namespace annulus::trainer
