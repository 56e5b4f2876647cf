// Words for MPI's error codes.
#include "comm/ranks/mpi_check.hpp"

#include <string>

#include "base/error.hpp"
#include "base/source_name.hpp"

namespace annulus::comm {
namespace {

std::string error_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) return fmt::format("error code {}", code);
  return {text, static_cast<std::size_t>(length)};
}

int world_rank() {
  int rank = 0;
  // Only words for a message: when even this fails, rank 0 is named.
  return MPI_Comm_rank(MPI_COMM_WORLD, &rank) == MPI_SUCCESS ? rank : 0;
}

}  // namespace

void check_mpi(int code, const char* call, const char* file, int line) {
  if (code == MPI_SUCCESS) return;
  throw RuntimeError(
      "MPI failed on rank {} in {} ({}:{}): {}. The ranks cannot go on together. Check that every rank runs the same program with the same MPI library, that shared memory (/dev/shm) is not full, and the messages of the other ranks.",
      world_rank(), call, source_name(file), line, error_text(code));
}

void return_errors(MPI_Comm communicator) {
  CHECK_MPI(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN));
}

void return_errors(MPI_Win window) { CHECK_MPI(MPI_Win_set_errhandler(window, MPI_ERRORS_RETURN)); }

}  // namespace annulus::comm
