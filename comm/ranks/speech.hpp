// Which rank of a host tells the user why a job ends, when several notice at once.
#pragma once

#include <cstdint>

namespace annulus::comm {

/// Whether this process is the first of its job on this host to ask; the answer stands as long as the process
/// lives. When it cannot be found out, it is: told twice is better than not at all. Any thread.
/// @param start  what the ranks of the job have in common, and no other job (World::start)
bool speaks_first_on_host(std::uint64_t start) noexcept;

}  // namespace annulus::comm
