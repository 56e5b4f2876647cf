// Jobs on two nodes: started, stopped, requeued, broken; what they train must be what an undisturbed run
// trains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>

#include "tests/slurm/cluster.hpp"
#include "tests/support/source_dir.hpp"

namespace annulus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kSmoke = source_dir() + "/configs/smoke.yaml";
const std::string kTrainSbatch = source_dir() + "/jobs/train.sbatch";
const std::string kPlan =
    " data.path=data.h5 epochs=60 checkpoint.every_epochs=0 checkpoint.keep_best=false ";
const std::string kTwoNodes = " --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 ";

void write_script(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << "#!/bin/sh\n" << text;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

/// Jobs wait for SLURM most of their time, so all are submitted at the beginning and disturbed as they come
/// up; the tests look at how they end.
class SlurmJobs : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster();
    place = std::make_unique<Workplace>(330);
    setenv("ANNULUS_PROGRAM", ANNULUS_PROGRAM, 1);
    setenv("OMPI_MCA_odls_base_sigkill_timeout", "2", 1);
    submit_others();
    submit_disturbed();
    whole = place->run(place->training("whole", {"epochs=60", "checkpoint.every_epochs=0"}));
  }

  static void TearDownTestSuite() {
    jobs.clear();
    place.reset();
  }

  static void submit(const std::string& name, const std::string& words, const std::string& before = {}) {
    jobs.emplace(name, Job(*place, name, words, before));
  }

  static std::string train(const std::string& run) {
    return kTrainSbatch + ' ' + kSmoke + kPlan + "--run " + run;
  }

  /// Submits a job, and disturbs it by `how JOB` as soon as it trains.
  static void disturb(const std::string& how, const std::string& name, const std::string& words,
                      const std::string& before = {}) {
    submit(name, words, before);
    const Job& job = jobs.at(name);
    ASSERT_TRUE(place->has_started(name)) << job.log();
    const Outcome disturbed = place->shell(how + ' ' + job.id());
    EXPECT_EQ(disturbed.code, 0) << name << ": " << disturbed.output << job.log();
  }

  static void submit_disturbed() {
    const std::string announce = "scancel -b -s USR1";  // as SLURM does ahead of a time limit
    const Outcome written = place->shell("\"$ANNULUS\" job " + kSmoke + kPlan +
                                         "--nodes 2 --cpus-per-rank 1 --time 60 --run limit >limit.sbatch");
    EXPECT_EQ(written.code, 0) << written.output;
    disturb(announce, "limit", "limit.sbatch");
    disturb(announce, "mpirun", kTwoNodes + train("mpirun"), "ANNULUS_LAUNCHER=mpirun ");
    disturb("scontrol requeue", "requeued", kTwoNodes + train("requeued"));
    disturb("scancel", "cancelled", kTwoNodes + train("cancelled"));
    // Everything in PATH but what containers often lack.
    place->shell(
        "mkdir some fewer && ln -s /usr/bin/* some && rm some/scontrol && cp -a some/. fewer && rm fewer/sbatch");
    disturb(announce, "no_scontrol", "--export=ALL,PATH=$PWD/some " + train("no_scontrol"));
    disturb(announce, "no_sbatch", "--export=ALL,PATH=$PWD/fewer " + train("no_sbatch"));
  }

  static void submit_others() {
    write_script(place->path("fails"), "exit 70\n");
    submit("broken", train("broken"), "ANNULUS_PROGRAM=$PWD/fails ");
    // The first time, the second rank is killed once there is a checkpoint.
    write_script(place->path("dies_once"),
                 "if [ \"$SLURM_PROCID\" = 1 ] && mkdir died 2>/dev/null; then\n"
                 "  \"$ANNULUS\" \"$@\" & rank=$!\n"
                 "  until ls dies/checkpoints/step-*.h5 >/dev/null 2>&1; do sleep 0.05; done\n"
                 "  kill -KILL $rank; wait $rank; exit\n"
                 "fi\n"
                 "exec \"$ANNULUS\" \"$@\"\n");
    submit("dies", kTwoNodes + train("dies") + " checkpoint.every_steps=50",
           "ANNULUS_PROGRAM=$PWD/dies_once ");
    std::ofstream(place->path("sweep.txt")) << "seed=1\nseed=2 epochs=2\nseed=3 --run third\n";
    submit("array", "--array=1-3 " + kTrainSbatch + ' ' + kSmoke + " data.path=data.h5 epochs=1 name=sweep",
           "ANNULUS_SWEEP=sweep.txt ");
  }

  static std::string record(const std::string& run) {
    return place->shell("cat " + run + "/restarts.txt").output;
  }

  static void expect_undisturbed_result(const std::string& run) {
    ASSERT_EQ(whole.code, 0) << whole.output;
    EXPECT_EQ(place->state_hash(run), place->state_hash("whole")) << jobs.at(run).log();
  }

  inline static std::unique_ptr<Workplace> place;
  inline static std::map<std::string, Job> jobs;
  inline static Outcome whole;
};

TEST_F(SlurmJobs, SrunOnTwoNodesTrainsAsOneRankDoes) {
  const std::string words = " \"$ANNULUS\" train " + kSmoke + " data.path=data.h5 epochs=2 --run ";

  const Outcome two = place->shell("srun -N2 -n2 -K1 -W 30 --mpi=pmix" + words + "srun");
  const Outcome one = place->shell(words + "plain");

  ASSERT_EQ(two.code, 0) << two.output;
  ASSERT_EQ(one.code, 0) << one.output;
  EXPECT_THAT(two.output, HasSubstr("on 2 rank(s)"));
  EXPECT_EQ(place->state_hash("srun"), place->state_hash("plain"));
}

TEST_F(SlurmJobs, RanksThatCannotMeetAreRefusedWithTheWayOut) {
  const std::string words = " \"$ANNULUS\" train " + kSmoke + " data.path=data.h5 --run refused";

  const Outcome without_pmix = place->shell("srun -N2 -n2 --mpi=none" + words);
  const Outcome by_another_mpi = place->shell("PMI_RANK=0 PMI_SIZE=2" + words);

  EXPECT_EQ(without_pmix.code, 2) << without_pmix.output;
  EXPECT_THAT(without_pmix.output,
              AllOf(HasSubstr("srun started 2 processes"), HasSubstr("srun --mpi=pmix")));
  EXPECT_EQ(by_another_mpi.code, 2) << by_another_mpi.output;
  EXPECT_THAT(by_another_mpi.output, HasSubstr("mpirun of the MPI library that the program was built with"));
  EXPECT_FALSE(std::filesystem::exists(place->path("refused")));
}

TEST_F(SlurmJobs, AShellInsideAnAllocationStartsOneRank) {
  const Outcome outcome =
      place->shell("salloc -N2 -n2 \"$ANNULUS\" train " + kSmoke + " data.path=data.h5 --run in_allocation");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("on 1 rank(s)"));
}

TEST_F(SlurmJobs, MpirunReachesHostsOfAHostfile) {
  std::ofstream(place->path("hosts.txt")) << "n1 slots=1\nn2 slots=1\n";
  const std::string mpirun =
      "$MPIRUN --hostfile hosts.txt -np 2 --mca plm_rsh_agent '" + cluster().remote_shell() + "' ";
  const std::string words = " \"$ANNULUS\" train " + kSmoke + " data.path=data.h5 epochs=2 --run ";

  const Outcome hosts = place->shell(mpirun + "hostname");
  const Outcome two = place->shell(mpirun + words + "hosts");
  const Outcome one = place->shell(words + "host");

  EXPECT_THAT(hosts.output, AllOf(HasSubstr("n1\n"), HasSubstr("n2\n")));
  ASSERT_EQ(two.code, 0) << two.output;
  ASSERT_EQ(one.code, 0) << one.output;
  EXPECT_THAT(two.output, HasSubstr("on 2 rank(s)"));
  EXPECT_EQ(place->state_hash("hosts"), place->state_hash("host"));
}

TEST_F(SlurmJobs, StopsAheadOfTheLimitRequeuesAndFinishes) {
  const Job& job = jobs.at("limit");

  EXPECT_EQ(job.end(), "COMPLETED") << job.log();

  EXPECT_EQ(job.field("Restarts"), "1");
  EXPECT_THAT(job.log(), AllOf(HasSubstr("2 rank(s) by srun"), HasSubstr("stopped on request; requeue"),
                               HasSubstr("resumed in limit after step")));
  EXPECT_THAT(record("limit"), HasSubstr("starts 2, without progress 0"));
  expect_undisturbed_result("limit");
}

TEST_F(SlurmJobs, TheSameByMpirun) {
  const Job& job = jobs.at("mpirun");

  EXPECT_EQ(job.end(), "COMPLETED") << job.log();

  EXPECT_EQ(job.field("Restarts"), "1");
  EXPECT_THAT(job.log(),
              AllOf(HasSubstr("by mpirun"), HasSubstr("on 2 rank(s)"),
                    HasSubstr("stopped on request; requeue"), HasSubstr("resumed in mpirun after step")));
  expect_undisturbed_result("mpirun");
}

TEST_F(SlurmJobs, RequeuedBySomebodyElseItGoesOnFromWhereItWas) {
  const Job& job = jobs.at("requeued");

  EXPECT_EQ(job.end(), "COMPLETED") << job.log();

  EXPECT_EQ(job.field("Restarts"), "1");
  EXPECT_THAT(job.log(),
              AllOf(HasSubstr("SLURM ends this job (status 75)"), HasSubstr("resumed in requeued after")));
  expect_undisturbed_result("requeued");
}

TEST_F(SlurmJobs, CancelledItStaysSo) {
  const Job& job = jobs.at("cancelled");

  EXPECT_EQ(job.end(), "CANCELLED") << job.log();

  EXPECT_EQ(job.field("Restarts"), "0");
  EXPECT_TRUE(job.says("SLURM ends this job (status 75)")) << job.log();
}

TEST_F(SlurmJobs, ALostRankIsReplacedAtOnce) {
  const Job& job = jobs.at("dies");

  EXPECT_EQ(job.end(), "COMPLETED") << job.log();

  EXPECT_EQ(job.field("Restarts"), "0");
  EXPECT_THAT(job.log(),
              AllOf(HasSubstr("started again from there"), HasSubstr("resumed in dies after step")));
  EXPECT_THAT(record("dies"), HasSubstr("starts 2, without progress 0"));
  expect_undisturbed_result("dies");
}

TEST_F(SlurmJobs, GivesUpWhenNothingIsGained) {
  const Job& job = jobs.at("broken");

  EXPECT_EQ(job.end(), "FAILED") << job.log();

  EXPECT_EQ(job.field("ExitCode"), "70:0");
  EXPECT_EQ(job.field("Restarts"), "1");
  EXPECT_THAT(
      job.log(),
      HasSubstr("giving up: 2 starts in a row ended without a newer checkpoint, the last with status 70"));
}

TEST_F(SlurmJobs, WithoutScontrolItSubmitsItselfAgain) {
  const Job& job = jobs.at("no_scontrol");

  EXPECT_EQ(job.end(), "FAILED") << job.log();  // with code 75; its successor goes on
  EXPECT_EQ(job.field("ExitCode"), "75:0");
  ASSERT_TRUE(job.says("submitted again as job ")) << job.log();
  const std::string log = job.log();
  const std::string next = log.substr(log.find("submitted again as job ") + 23);
  const Outcome waited = place->shell(
      "id=" + next.substr(0, next.find(',')) +
      "; for i in $(seq 600); do [ -n \"$(squeue -h -j $id 2>/dev/null)\" ] || break; sleep 0.1; done; cat slurm-$id.out");

  EXPECT_THAT(waited.output, HasSubstr("resumed in no_scontrol after step"));
  EXPECT_THAT(record("no_scontrol"), AllOf(HasSubstr("job " + job.id() + ','), HasSubstr("starts 2")));
  expect_undisturbed_result("no_scontrol");
}

TEST_F(SlurmJobs, WhereNothingBringsItBackItSaysSo) {
  const Job& job = jobs.at("no_sbatch");

  EXPECT_EQ(job.end(), "FAILED") << job.log();

  EXPECT_EQ(job.field("ExitCode"), "75:0");
  EXPECT_THAT(job.log(), AllOf(HasSubstr("cannot requeue itself"), HasSubstr("RequeueExit=75"),
                               Not(HasSubstr("submitted again"))));
}

TEST_F(SlurmJobs, AnArrayOfRuns) {
  const Job& job = jobs.at("array");
  const Outcome one =
      place->run({"train", kSmoke, "data.path=data.h5", "seed=2", "epochs=2", "--run", "second"});
  ASSERT_EQ(one.code, 0) << one.output;

  const Outcome waited =
      place->shell("for i in $(seq 600); do [ -n \"$(squeue -h -j " + job.id() +
                   " 2>/dev/null)\" ] || break; sleep 0.1; done; sacct -c -n -j " + job.id());

  EXPECT_TRUE(std::filesystem::exists(place->path("runs/sweep-1/checkpoints/latest"))) << job.log();
  EXPECT_TRUE(std::filesystem::exists(place->path("third/checkpoints/latest"))) << job.log();
  EXPECT_EQ(place->state_hash("runs/sweep-2"), place->state_hash("second"));
}

}  // namespace
}  // namespace annulus::test
