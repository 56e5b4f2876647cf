// What a run is started in: a file system that lacks calls, a pipe where a log should be, wishes about
// OpenMP's threads, a rank that does not start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/end_to_end/program.hpp"
#include "tests/support/refused_calls.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::ptrdiff_t count(const std::string& text, const std::string& part) {
  std::ptrdiff_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(FileSystem, WithoutLinksAndSyncingTrainsResumesAndEvaluates) {
  const Workplace place(96);
  std::vector<std::string> said;
  const auto run = [&](const std::vector<std::string>& words) {
    std::string output;
    const auto work = [&] {
      const Outcome outcome = place.run(words);
      std::fputs(outcome.output.c_str(), stderr);
      return outcome.code == 0;
    };
    EXPECT_TRUE(
        runs_without({{SYS_symlink, EPERM}, {SYS_symlinkat, EPERM}, {SYS_fsync, EINVAL}}, work, &output))
        << output;
    said.push_back(output);
  };

  run(place.training("run", {"epochs=2"}));
  run(place.training("run", {"epochs=3"}));
  run({"evaluate", "run"});
  run({"status", "run"});

  EXPECT_EQ(count(said[0], "warning: "), 2) << said[0];
  EXPECT_THAT(said[0], AllOf(HasSubstr("has no symbolic links"), HasSubstr("fsync")));
  EXPECT_THAT(said[1], HasSubstr("resumed in run after step"));
  EXPECT_THAT(said[2], HasSubstr("model: run/checkpoints/step-"));
  EXPECT_THAT(said[3], HasSubstr("best: step"));
  EXPECT_TRUE(std::filesystem::exists(place.path("run/checkpoints/latest.txt")));
  EXPECT_THAT(place.unfinished(), IsEmpty());
}

TEST(FileSystem, APipeAsLogFileIsNamed) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run")).code, 0);
  for (const char* name : {"logs/rank-0.log", "metrics.jsonl"}) {
    std::filesystem::remove(place.path("run") / name);
    ASSERT_EQ(mkfifo((place.path("run") / name).c_str(), 0600), 0);

    const Outcome outcome = place.run(place.training("run", {"epochs=2"}));

    if (std::string(name).starts_with("logs")) {
      EXPECT_EQ(outcome.code, 2) << outcome.output;
      EXPECT_THAT(outcome.output, AllOf(HasSubstr(name), HasSubstr("a named pipe")));
    } else {
      EXPECT_EQ(outcome.code, 0) << "it is written anew as a whole: " << outcome.output;
    }
    std::filesystem::remove(place.path("run") / name);
  }
}

/// Cores on which threads of a process may run.
int cores_of(pid_t process) {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    if (sched_getaffinity(std::stoi(thread.path().filename()), sizeof mask, &mask) == 0)
      CPU_OR(&all, &all, &mask);
  }
  return CPU_COUNT(&all);
}

TEST(Surroundings, WishesAboutOpenMpThreadsBindNothing) {
  const Workplace place(330);
  setenv("OMP_PROC_BIND", "true", 1);
  setenv("GOMP_CPU_AFFINITY", "0", 1);
  Process job = place.start(place.training("run", kEndless));
  unsetenv("OMP_PROC_BIND");
  unsetenv("GOMP_CPU_AFFINITY");
  ASSERT_TRUE(place.has_started("run"));
  const std::vector<pid_t> programs = place.processes("annulus");
  const int cores = programs.empty() ? 0 : cores_of(programs.front());
  job.signal(SIGTERM);
  const Outcome outcome = job.wait();

  EXPECT_EQ(cores, cores_of(getpid()));
  EXPECT_THAT(outcome.output, HasSubstr("OMP_PROC_BIND=true GOMP_CPU_AFFINITY=0 is not followed"));
}

TEST(Surroundings, ATrainingWarnsOfRanksThatShareACore) {
  const Workplace place(96);

  const Outcome shared = place.shell("exec taskset -c 0 $MPIRUN -n 2 \"$ANNULUS\" train " + source_dir() +
                                     "/configs/smoke.yaml data.path=data.h5 --run run");

  EXPECT_EQ(shared.code, 0) << shared.output;
  EXPECT_THAT(shared.output, HasSubstr("run 2 worker threads on 1 core(s)"));
}

TEST(Surroundings, AStartWithoutSrunInAJobOfManyTasksIsToldSo) {
  const Workplace place(96);

  const Outcome outcome =
      place.shell("SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_JOB_NUM_NODES=2 \"$ANNULUS\" train " + source_dir() +
                  "/configs/smoke.yaml data.path=data.h5 --run run");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("4 task(s) on 2 node(s), but the program was started without srun"));
}

TEST(Start, ARankThatIsStoppedBeforeMpiEndsTheJobWithOneMessage) {
  const Workplace place(96);

  const Outcome outcome = place.shell(
      "export ANNULUS_MPI_SECONDS=2 OMPI_MCA_odls_base_sigkill_timeout=1\n"
      "exec $MPIRUN -n 3 sh -c 'test $OMPI_COMM_WORLD_RANK != 1 || kill -STOP $$; exec \"$ANNULUS\" summary " +
      source_dir() + "/configs/smoke.yaml'");

  EXPECT_EQ(outcome.code, 70) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("hangs in MPI_Init: it has not come back for 2 s"));
  EXPECT_EQ(count(outcome.output, "error: "), 1) << outcome.output;
  EXPECT_THAT(place.left_behind(), IsEmpty());
}

TEST(Evaluation, OnARankTooManyNamesTheNumbersOfRanksThatWork) {
  const Workplace place(96);
  ASSERT_EQ(place.run(place.training("run")).code, 0);

  const Outcome outcome = place.run({"evaluate", "run"}, 3);

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("Start another number of ranks: 1, 2"), Not(HasSubstr("train with"))));
}

}  // namespace
}  // namespace annulus::test
