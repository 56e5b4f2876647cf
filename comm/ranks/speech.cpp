// There is nowhere to put a file that nobody would have to remove. An address of a local socket without a
// file (unix(7), "abstract") has one owner, and goes with its process; nobody listens there.
#include "comm/ranks/speech.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace annulus::comm {

bool speaks_first_on_host(std::uint64_t start) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The leading 0 makes it abstract.
  const int characters = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                                       "annulus-speech-%016llx", static_cast<unsigned long long>(start));
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<std::size_t>(characters));
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);  // never closed
  return socket < 0 || ::bind(socket, reinterpret_cast<const sockaddr*>(&address), length) == 0 ||
         errno != EADDRINUSE;
}

}  // namespace annulus::comm
