// One program on all hosts, before its parts talk to each other.
#pragma once

#include <string>

#include "comm/ranks/process_group.hpp"

namespace annulus::trainer {

/// The first thing that ranks exchange, in a form that stays what it is: two versions of the program would
/// send each other messages of other lengths, and hang or stop somewhere without saying why. Collective.
/// @param version  of this rank's program
/// @throws UsageError on every rank, naming the first rank with another version than rank 0
void require_same_program(comm::ProcessGroup& group, const std::string& host, const std::string& version);

}  // namespace annulus::trainer
