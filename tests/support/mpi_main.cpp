// main() of tests that run under mpirun: starts the session once, names the rank in front of every failure.
#include <gtest/gtest.h>

#include <cstdio>

#include "comm/ranks/mpi_session.hpp"
#include "tests/support/mpi_environment.hpp"

namespace {

class RankedFailures final : public testing::EmptyTestEventListener {
 public:
  explicit RankedFailures(int rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s:%d %s\n", rank_, result.file_name() ? result.file_name() : "?",
                 result.line_number(), result.summary());
  }

 private:
  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  annulus::comm::MpiSession session(argc, argv);
  annulus::test::set_session(session);
  testing::InitGoogleTest(&argc, argv);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  const int rank = session.world().rank;
  if (rank != 0) delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new RankedFailures(rank));
  return RUN_ALL_TESTS();
}
