// Who a process is, so that another one on the same machine can tell whether it still lives: a process number
// alone may belong to somebody else by then.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace annulus {

/// Plain bytes, to be sent to the other ranks.
struct ProcessIdentity {
  std::int64_t process = 0;     ///< number in its namespace
  std::uint64_t started = 0;    ///< ticks since the machine started; with the number it is unique
  std::uint64_t place = 0;      ///< equal: the same machine, seen through the same /proc
  std::array<char, 64> host{};  ///< ends in '\0'
};

/// Name of this machine; "unknown host" when it has none.
std::string host_name();

/// Of this process. @param host  name of this machine
/// @throws RuntimeError when /proc does not say
ProcessIdentity own_identity(const std::string& host);

enum class Life {
  elsewhere,  ///< on another machine, or behind another /proc: nothing is known
  running,
  stopped,  ///< SIGSTOP or the like
  traced,   ///< held by a debugger
  gone,     ///< ended, perhaps not yet taken note of by its parent
};

/// Whether a process, seen from the one with identity `observer`, lives. Reads one file of /proc.
Life look_up(const ProcessIdentity& process, const ProcessIdentity& observer);

}  // namespace annulus
