// Fields 3 (state) and 22 (start) of /proc/PID/stat, man 5 proc.
#include "base/process_identity.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/stable_hash.hpp"

namespace annulus {
namespace {

struct Stat {
  char state = '?';
  std::uint64_t started = 0;
};

/// Nothing when there is no such process.
std::optional<Stat> read_stat(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = all.rfind(')');  // the program's name may hold spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  constexpr int kStateField = 3;
  constexpr int kStartField = 22;
  std::istringstream fields(all.substr(name_end + 1));
  Stat stat;
  fields >> stat.state;
  std::string skipped;
  for (int i = 0; i < kStartField - kStateField - 1; ++i) fields >> skipped;
  if (!(fields >> stat.started)) return std::nullopt;
  return stat;
}

/// What differs between machines, and between namespaces of processes on one.
std::uint64_t place_of(const std::string& host) {
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::string id;
  boot >> id;
  std::array<char, 64> space{};
  const ssize_t length = readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  return stable_hash(host + "|" + id + "|" + (length > 0 ? space.data() : "unknown"));
}

}  // namespace

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

ProcessIdentity own_identity(const std::string& host) {
  const std::optional<Stat> stat = read_stat("self");
  if (!stat) throw RuntimeError("/proc/self/stat does not say when this process began. Is /proc mounted?");
  ProcessIdentity identity{.process = getpid(), .started = stat->started, .place = place_of(host)};
  std::memcpy(identity.host.data(), host.data(), std::min(host.size(), identity.host.size() - 1));
  return identity;
}

Life look_up(const ProcessIdentity& process, const ProcessIdentity& observer) {
  if (process.place != observer.place) return Life::elsewhere;
  const std::optional<Stat> stat = read_stat(std::to_string(process.process));
  if (!stat || stat->started != process.started) return Life::gone;
  switch (stat->state) {
    case 'Z':
    case 'X':
      return Life::gone;
    case 'T':
      return Life::stopped;
    case 't':
      return Life::traced;
    default:
      return Life::running;
  }
}

}  // namespace annulus
