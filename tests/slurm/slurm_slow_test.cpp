// What SLURM itself does to a job, at its own pace of half minutes: the time limit, preemption, a node that
// dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/slurm/cluster.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::HasSubstr;

const std::string kSmoke = source_dir() + "/configs/smoke.yaml";
const std::string kTwoNodes = " --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 ";

/// A run that is disturbed, and ends as if it had not been.
class SlowSlurmJobs : public testing::Test {
 protected:
  static std::string train(const std::string& more) {
    setenv("ANNULUS_PROGRAM", ANNULUS_PROGRAM, 1);
    return source_dir() + "/jobs/train.sbatch " + kSmoke +
           " data.path=data.h5 checkpoint.every_epochs=0 checkpoint.keep_best=false --run run " + more;
  }
  void expect_undisturbed_result(const std::string& epochs) const {
    const Outcome whole = place.run(
        place.training("whole", {epochs, "checkpoint.every_epochs=0", "checkpoint.keep_best=false"}));
    ASSERT_EQ(whole.code, 0) << whole.output;
    EXPECT_EQ(place.state_hash("run"), place.state_hash("whole"));
  }
  /// A job whose first start gets slow after a few steps, so that what comes finds it at work on any machine;
  /// the next one goes on quickly.
  Job slow_once(const std::string& options, const std::string& more) const {
    const std::filesystem::path program = place.path("slow_once");
    std::ofstream(program)
        << "#!/bin/sh\n"
           "if mkdir slowed.$SLURM_PROCID 2>/dev/null; then set -- \"$@\" --inject rank=1,step=100,kind=slow; fi\n"
           "exec \"$ANNULUS\" \"$@\"\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return {place, "log", kTwoNodes + options + train(more), "ANNULUS_PROGRAM=$PWD/slow_once "};
  }
  void SetUp() override { cluster(); }

  const Workplace place{330};
};

TEST_F(SlowSlurmJobs, TheTimeLimitIsNoEnd) {
  const Job job = slow_once("--time=1 --signal=B:USR1@20 ", "epochs=100");

  EXPECT_EQ(job.end(300), "COMPLETED") << job.log();

  EXPECT_GE(std::stoi(job.field("Restarts")), 1);
  EXPECT_THAT(job.log(), HasSubstr("stopped on request; requeue"));
  expect_undisturbed_result("epochs=100");
}

TEST_F(SlowSlurmJobs, ALimitThatComesBeforeTheSaveIsNoEndEither) {
  const Job job = slow_once("--time=1 --signal=B:URG@10 ", "epochs=100");

  EXPECT_EQ(job.end(300), "COMPLETED") << job.log();

  EXPECT_GE(std::stoi(job.field("Restarts")), 1);
  EXPECT_THAT(job.log(), HasSubstr("the time limit has come before the end of the last save; requeue"));
  expect_undisturbed_result("epochs=100");
}

TEST_F(SlowSlurmJobs, PreemptedItComesBack) {
  const Job job = slow_once("", "epochs=100");
  ASSERT_TRUE(place.has_started("run")) << job.log();

  const Outcome urgent = place.shell("srun --partition=urgent -N2 --ntasks-per-node=4 true");

  EXPECT_EQ(urgent.code, 0) << urgent.output;
  EXPECT_EQ(job.end(120), "COMPLETED") << job.log();
  EXPECT_EQ(job.field("Restarts"), "1");
  EXPECT_THAT(job.log(), HasSubstr("SLURM ends this job (status 75)"));
  expect_undisturbed_result("epochs=100");
}

TEST_F(SlowSlurmJobs, ADeadNodeIsReplaced) {
  const Job job(place, "log",
                "--nodes=1-2 --ntasks=2 --cpus-per-task=1 --distribution=cyclic " +
                    train("epochs=200 checkpoint.every_steps=20"));
  ASSERT_TRUE(place.has_started("run")) << job.log();

  cluster().change_node("kill", "n1");
  const std::string state = job.end(300);
  cluster().change_node("start", "n1");

  EXPECT_EQ(state, "COMPLETED") << job.log();
  EXPECT_GE(std::stoi(job.field("Restarts")), 1);
  expect_undisturbed_result("epochs=200");
}

}  // namespace
}  // namespace annulus::test
