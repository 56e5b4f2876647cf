// The MPI session of a test program that runs under mpirun.
#pragma once

#include "comm/ranks/mpi_session.hpp"

namespace annulus::test {

void set_session(comm::MpiSession& session);
comm::MpiSession& session();

}  // namespace annulus::test
