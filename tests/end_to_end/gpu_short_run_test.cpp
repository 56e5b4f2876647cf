// bench/gpu/first_run.sh --short without a GPU, with programs that are played: what comes when, what a
// failure, a hang, a lack of time or of a GPU does to the rest, and what the summary says of it.
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

const std::string kBench = source_dir() + "/bench/gpu/";

class GpuShortRun : public testing::Test {
 protected:
  Outcome run(const std::string& arguments, const std::string& environment = {}) const {
    return place_.shell(environment + " " + kBench + "first_run.sh --short " + arguments);
  }
  /// All programs of both calls, on a machine with a GPU.
  std::string played() const {
    for (const char* name :
         {"kernels_gpu_test", "cuda_gpu_test", "device_model_gpu_test", "cuda_step_gpu_test",
          "cuda_graph_gpu_test", "gradient_check_gpu_test", "nccl_gpu_test", "device_reducer_gpu_mpi_test"})
      play_lines(place_.path(std::string("build/tests/") + name), "echo '[  PASSED  ] 7 tests.'");
    play_lines(place_.path("build/bin/annulus"), "echo '{\"batch\":64,\"images_per_s\":1234.5,\"steps\":3}'");
    for (const char* name : {"nvidia-smi", "lscpu", "ldd", "compute-sanitizer", "python3"})
      play(place_.path(std::string("path/") + name), 0);
    play_lines(place_.path("path/mpirun"), "for word; do last=$word; done; exec \"$last\"");
    return "BUILD=\"$PWD/build\" PATH=\"$PWD/path:$PATH\"";
  }
  std::string summary() const { return read_file(place_.path("out/summary.txt")); }

  const Workplace place_{3};
};

TEST_F(GpuShortRun, ADryRunPrintsTheMostTellingFirstAndDoesNothing) {
  const Outcome first = run("--dry-run first out");
  const Outcome second = run("--dry-run second out", "AGAIN='graphs nccl'");

  EXPECT_EQ(first.code, 0) << first.output;
  expect_order(first.output, {"nvidia-smi",
                              "lscpu",
                              "ldd",
                              "'doctor'",
                              "kernels_gpu_test",
                              "cuda_gpu_test",
                              "device_model_gpu_test",
                              "cuda_step_gpu_test",
                              "cuda_graph_gpu_test",
                              "gradient_check_gpu_test",
                              "nccl_gpu_test",
                              "'-n' '1'",
                              "'-n' '2'",
                              "CUDNN_LOGLEVEL_DBG=2",
                              "CUBLASLT_LOG_LEVEL=2",
                              "alexnet.yaml",
                              "precision=bfloat16",
                              "graph=false",
                              "precision=tf32",
                              "precision=float32"});
  expect_order(second.output, {"cuda_graph_gpu_test", "nccl_gpu_test", "'memcheck'", "CudaStepDebug",
                               "'racecheck'", "resume_check.sh", "gpu_sharing=allow", "--ceilings"});
  EXPECT_FALSE(std::filesystem::exists(place_.path("out")));
}

TEST_F(GpuShortRun, SaysWhatCameOutInFewFiles) {
  const Outcome outcome = run("first out", played());

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(summary(),
              AllOf(ContainsRegex("GPU +nvidia-smi --query"), ContainsRegex("ok +kernels, [0-9]+ s: 7 tests"),
                    ContainsRegex("ok +vgg16-float32, [0-9]+ s: 1234 images/s"),
                    HasSubstr(": 0 failed, 0 skipped.")));
  const auto files = std::filesystem::directory_iterator(place_.path("out"));
  EXPECT_LE(std::distance(begin(files), end(files)), 8);
  EXPECT_THAT(read_file(place_.path("out/tests.log")),
              ContainsRegex("===== reducer-2 [^\n]*mpirun [^\n]*-n 2 "));
}

TEST_F(GpuShortRun, GoesOnAfterAFailureAndNamesTheTest) {
  const std::string environment = played();
  play_lines(
      place_.path("build/tests/device_model_gpu_test"),
      "echo 'model.cpp:7: Failure'; echo '  3.5 is not 4'; echo '[  FAILED  ] Oracle.Trains/lenet, where GetParam() "
      "= 1 (3 ms)'; echo '[  FAILED  ] 1 test, listed below:'; exit 1");
  play_lines(place_.path("build/tests/cuda_graph_gpu_test"),
             "echo '[ RUN      ] Graphs.Capture'; seq 9; kill -SEGV $$");

  const Outcome outcome = run("first out", environment);

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(
      summary(),
      AllOf(ContainsRegex(
                "FAILED +model: status 1 .*\n +\\| Oracle.Trains/lenet\n.*model.cpp:7.*\n.*3.5 is not 4"),
            ContainsRegex("FAILED +graphs: status 139 .*\n.*Graphs.Capture"), ContainsRegex("ok +gradients"),
            HasSubstr(": 2 failed, 0 skipped.")));
}

TEST_F(GpuShortRun, WhatNoLongerFitsIsSaidToBeSkipped) {
  const Outcome outcome = run("first out", "BUDGET=14 " + played());

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(summary(),
              AllOf(ContainsRegex("ok +doctor"), ContainsRegex("ok +cuda"),
                    ContainsRegex("skipped +model: [0-9]+ s of 14 are left, and it may need 100")));
}

TEST_F(GpuShortRun, AHangEndsItsStepOnly) {
  const Outcome outcome =
      place_.shell("bash -c 'title=A output=$PWD budget=60 dry=0; . " + kBench +
                   "steps.sh; step tests hang 1 sleep 600; step tests next 5 echo here; finish'");

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(read_file(place_.path("summary.txt")),
              AllOf(HasSubstr("FAILED   hang: not done after 1 s"), ContainsRegex("ok +next")));
}

TEST_F(GpuShortRun, ARehearsalEndsWithWhatLacksAGpuAndWhatIsBroken) {
  const std::string environment = played();
  play_lines(place_.path("path/nvidia-smi"), "exit 9");
  for (const char* name : {"cuda_step_gpu_test", "cuda_graph_gpu_test"})
    play_lines(place_.path(std::string("build/tests/") + name),
               "echo 'cudaSetDevice: CUDA driver version is insufficient for CUDA runtime version'; exit 1");
  play(place_.path("build/tests/kernels_gpu_test"), 3);

  EXPECT_EQ(run("first out", environment).code, 1);

  EXPECT_THAT(summary(), AllOf(ContainsRegex("GPU +none"), ContainsRegex("no GPU +steps: status 1"),
                               ContainsRegex("FAILED +kernels: status 3"),
                               HasSubstr(": 2 failed, 0 skipped, 2 failed for want of a GPU")));
}

TEST_F(GpuShortRun, LibrariesThatDoNotFitAreSoughtInPythonsPackages) {
  const std::string environment = played();
  play_lines(
      place_.path("build/bin/annulus"),
      "[ \"$ANNULUS_CUDA_LIBRARIES\" = python ] || echo 'warning  GPU  This program was built with cuDNN 9.19'");

  run("first out", environment);

  EXPECT_THAT(summary(),
              AllOf(ContainsRegex("libraries +the system's do not fit"),
                    ContainsRegex("ok +doctor, .*\n.*built with cuDNN 9.19\nok +doctor-again, [0-9]+ s\n")));
}

TEST_F(GpuShortRun, ADriverThatIsTooOldIsAFailure) {
  const std::string environment = played();
  play_lines(place_.path("build/tests/cuda_step_gpu_test"),
             "echo 'CUDA driver version is insufficient for CUDA runtime version'; exit 1");

  run("first out", environment);

  EXPECT_THAT(summary(), AllOf(ContainsRegex("FAILED +steps"), Not(HasSubstr("no GPU"))));
}

TEST_F(GpuShortRun, WhatIsNotThereIsSkippedAndSaid) {
  const std::string environment = played();
  std::filesystem::remove(place_.path("build/tests/nccl_gpu_test"));
  play(place_.path("path/python3"), 1);

  run("second out", "AGAIN='graphs nccl nonsense' " + environment);

  EXPECT_THAT(summary(),
              AllOf(ContainsRegex("ok +graphs"), HasSubstr("skipped  nonsense: is not a test"),
                    HasSubstr("skipped  nccl: this build has no nccl_gpu_test"),
                    HasSubstr("skipped  peers: python3 has no torch"), ContainsRegex("ok +racecheck")));
}

TEST_F(GpuShortRun, ARunStoppedAndResumedIsHeldAgainstAnUndisturbedOne) {
  const Workplace place(96);

  const Outcome outcome = place.shell(kBench + "resume_check.sh $ANNULUS runs " + source_dir() +
                                      "/configs/smoke.yaml data.path=data.h5 epochs=60");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, ContainsRegex("RESULT: stopped at step [0-9]+, resumed, equal .* at step 180"));
}

TEST_F(GpuShortRun, RunsThatDifferOrEndTooSoonAreNotTakenForEqual) {
  // What a signal does is settled before the epoch that calls for it.
  const std::string begin =
      "[ $1 = train ] || exit $DIFFERENT\nfor word; do run=$word; done\nmkdir -p $run\n";
  const std::string epoch = "echo '{\"kind\":\"epoch\",\"step\":4}' >$run/metrics.jsonl\n";
  play_lines(place_.path("differing"),
             "DIFFERENT=1\n" + begin + "trap 'touch $run/stopped; exit 75' TERM\n" + epoch +
                 "case $run in *resumed) [ -e $run/stopped ] || { sleep 0.4; sleep 0.4; } ;; esac");
  play_lines(place_.path("hasty"), "DIFFERENT=0\ntrap '' TERM\n" + begin + epoch);

  const Outcome differing = place_.shell(kBench + "resume_check.sh ./differing runs config");
  const Outcome hasty = place_.shell(kBench + "resume_check.sh ./hasty runs config");

  EXPECT_EQ(differing.code, 1);
  EXPECT_THAT(differing.output, HasSubstr("the runs differ (above); stopped at step 4"));
  EXPECT_EQ(hasty.code, 1);
  EXPECT_THAT(hasty.output, ContainsRegex("done before the signal|before its first epoch did"));
}

TEST_F(GpuShortRun, WrongWordsShowTheUsage) {
  EXPECT_THAT(run("third out").output, HasSubstr("first|second OUTPUT_FOLDER"));
  EXPECT_EQ(run("first").code, 2);
}

}  // namespace
}  // namespace annulus::test
