// bench/gpu/first_run.sh without a GPU: its order, and with programs that are played, that it goes on after a
// failure and says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/end_to_end/played.hpp"
#include "tests/end_to_end/program.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class GpuFirstRun : public testing::Test {
 protected:
  Outcome run(const std::string& arguments, const std::string& environment = {}) const {
    return place_.shell(environment + " " + source_dir() + "/bench/gpu/first_run.sh " + arguments);
  }
  /// All programs of a first run; bench/gpu/run.sh itself stops at a Python without torch.
  std::string played() const {
    for (const char* name :
         {"bin/annulus", "tests/kernels_gpu_test", "tests/cuda_step_gpu_test", "tests/cuda_graph_gpu_test"})
      play(place_.path(std::string("build/") + name), 0);
    for (const char* name : {"nvidia-smi", "ctest", "compute-sanitizer"})
      play(place_.path(std::string("path/") + name), 0);
    play(place_.path("path/python3"), 1);
    return "BUILD=\"$PWD/build\" PATH=\"$PWD/path:$PATH\"";
  }
  const Workplace place_{3};
};

TEST_F(GpuFirstRun, ADryRunPrintsTheCommandsInTheirOrderAndDoesNothing) {
  const Outcome outcome = run("--dry-run out cifar10.h5");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  expect_order(outcome.output,
               {"nvidia-smi", "--preset", "--build", "'doctor'", "--label-regex", "cuda_graph_gpu_test",
                "'memcheck'", "'racecheck'", "bench/gpu/run.sh", "cifar10.h5"});
  EXPECT_FALSE(std::filesystem::exists(place_.path("out")));
}

TEST_F(GpuFirstRun, GoesOnAfterAFailureAndNamesIt) {
  const std::string environment = played();
  play(place_.path("path/ctest"), 8);

  const Outcome outcome = run("out", environment);

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.output, AllOf(ContainsRegex("FAILURE +gpu-tests: status 8 .*gpu-tests.log"),
                                    ContainsRegex("ok +racecheck"), ContainsRegex("FAILURE +tables"),
                                    HasSubstr("2 of "), Not(ContainsRegex("FAILURE +doctor"))));
  EXPECT_THAT(read_file(place_.path("out/summary.txt")), HasSubstr("FAILURE  gpu-tests"));
  EXPECT_THAT(read_file(place_.path("out/03-gpu-tests.log")), HasSubstr("ctest --test-dir"));
}

TEST_F(GpuFirstRun, AMissingProgramIsNamed) {
  const std::string environment = played();
  std::filesystem::remove(place_.path("build/tests/cuda_graph_gpu_test"));

  EXPECT_THAT(run("out", environment).output, ContainsRegex("FAILURE +graphs: .*cannot be run"));
}

TEST_F(GpuFirstRun, WrongArgumentsShowTheUsage) {
  const Outcome outcome = run("--dryrun");

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("first_run.sh [--dry-run] OUTPUT_FOLDER"));
}

}  // namespace
}  // namespace annulus::test
