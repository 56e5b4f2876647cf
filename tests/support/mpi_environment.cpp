// Holds the session that mpi_main.cpp made.
#include "tests/support/mpi_environment.hpp"

#include "base/error.hpp"

namespace annulus::test {
namespace {
comm::MpiSession* current = nullptr;
}

void set_session(comm::MpiSession& session) { current = &session; }

comm::MpiSession& session() {
  expect_contract(current != nullptr, "this test runs under tests/support/mpi_main.cpp");
  return *current;
}

}  // namespace annulus::test
