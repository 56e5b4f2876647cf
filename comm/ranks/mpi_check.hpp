// The one place that includes mpi.h, and the one check of its return codes.
#pragma once

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1  // the C++ bindings left the MPI standard with version 3
#endif
#include <mpi.h>

namespace annulus::comm {

/// Turns a return code of MPI into an error. It can only fire on communicators and windows whose error
/// handler is MPI_ERRORS_RETURN, which `return_errors` sets.
/// @param call  text of the call, for the message
/// @throws RuntimeError with the call, its place, the rank and MPI's own words
void check_mpi(int code, const char* call, const char* file, int line);

/// Makes MPI return errors on this handle instead of ending the program.
void return_errors(MPI_Comm communicator);
void return_errors(MPI_Win window);

}  // namespace annulus::comm

/// Every MPI call that can throw goes through this.
#define CHECK_MPI(call) ::annulus::comm::check_mpi((call), #call, __FILE__, __LINE__)
