// See same_program.hpp.
#include "trainer/loop/same_program.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// Never changes: it is all that versions have in common.
struct Greeting {
  char version[128] = {};
  char host[128] = {};
};

}  // namespace

void require_same_program(comm::ProcessGroup& group, const std::string& host, const std::string& version) {
  if (group.size() == 1) return;
  Greeting mine;
  version.copy(mine.version, sizeof mine.version - 1);
  host.copy(mine.host, sizeof mine.host - 1);
  std::vector<Greeting> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "comparison of program versions");
  const auto other = std::ranges::find_if(all, [&](const Greeting& greeting) {
    return std::strncmp(greeting.version, all[0].version, sizeof greeting.version) != 0;
  });
  if (other == all.end()) return;
  throw UsageError(
      "rank {} on host {} runs {}, but rank 0 on host {} runs {}: their messages and numbers differ. Install the same build on all hosts, or name one that all of them see.",
      other - all.begin(), other->host, other->version, all[0].host, all[0].version);
}

}  // namespace annulus::trainer
