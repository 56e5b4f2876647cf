// Who started the process, from environments as mpirun, srun, sbatch and salloc really leave them.
#include "comm/ranks/launcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace annulus::comm {
namespace {

using Environment = std::map<std::string, std::string>;

Launch detect(const Environment& environment) {
  return detect_launcher([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

void expect_plain(const Launch& launch) {
  EXPECT_EQ(launch.launcher, "none");
  EXPECT_EQ(launch.ranks, 1);
  EXPECT_FALSE(launch.uses_mpi);
}

TEST(DetectLauncher, PlainStart) { expect_plain(detect({})); }

TEST(DetectLauncher, PlainStartInABatchScriptOfManyTasks) {
  expect_plain(detect({{"SLURM_JOB_ID", "7"},
                       {"SLURM_NTASKS", "4"},
                       {"SLURM_PROCID", "0"},
                       {"SLURM_LOCALID", "0"},
                       {"SLURM_NNODES", "2"}}));
}

TEST(DetectLauncher, PlainStartInAShellOfSalloc) {
  expect_plain(detect({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}, {"SLURM_NNODES", "2"}}));
}

TEST(DetectLauncher, TheSizeOfAStepWithoutANumberInItIsNoStep) {
  expect_plain(detect({{"SLURM_JOB_ID", "7"}, {"SLURM_STEP_NUM_TASKS", "4"}}));
}

TEST(DetectLauncher, Mpirun) {
  const Launch launch = detect({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMIX_RANK", "3"}});

  EXPECT_EQ(launch.launcher, "mpirun");
  EXPECT_EQ(launch.ranks, 4);
  EXPECT_TRUE(launch.uses_mpi);
}

TEST(DetectLauncher, MpirunInsideASlurmJobIgnoresTheStepOfItsDaemon) {
  const Launch launch = detect({{"OMPI_COMM_WORLD_SIZE", "4"},
                                {"PMIX_RANK", "2"},
                                {"SLURM_PROCID", "0"},
                                {"SLURM_NTASKS", "1"},
                                {"SLURM_STEP_NUM_TASKS", "1"}});

  EXPECT_EQ(launch.launcher, "mpirun");
  EXPECT_EQ(launch.ranks, 4);
}

TEST(DetectLauncher, Srun) {
  const Launch launch = detect({{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"PMIX_RANK", "3"}});

  EXPECT_EQ(launch.launcher, "srun");
  EXPECT_EQ(launch.ranks, 4);
  EXPECT_TRUE(launch.uses_mpi);
}

TEST(DetectLauncher, SrunWithoutPmixLeavesRanksThatCannotMeet) {
  const Launch launch = detect({{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "4"}});

  EXPECT_EQ(launch.ranks, 4);
  EXPECT_FALSE(launch.uses_mpi);
  EXPECT_THAT(separate_worlds_message(launch), testing::AllOf(testing::HasSubstr("srun started 4 processes"),
                                                              testing::HasSubstr("--mpi=pmix")));
}

TEST(DetectLauncher, MpiexecOfAnotherLibrary) {
  const Launch launch = detect({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}});

  EXPECT_EQ(launch.ranks, 2);
  EXPECT_TRUE(launch.uses_mpi);
  EXPECT_THAT(separate_worlds_message(launch), testing::HasSubstr("mpirun --version"));
}

TEST(DetectLauncher, NumbersThatAreNoneCountAsAbsent) {
  expect_plain(detect({{"OMPI_COMM_WORLD_SIZE", "many"}}));
  expect_plain(detect({{"OMPI_COMM_WORLD_SIZE", "0"}}));
  expect_plain(detect({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "4x"}}));
}

int local(const Environment& environment) {
  return local_rank(
      [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      },
      5);
}

TEST(LocalRank, IsWhatTheLauncherSays) {
  EXPECT_EQ(local({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}}), 0);
  EXPECT_EQ(local({{"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "3"}}), 3);
  EXPECT_EQ(local({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "6"}, {"SLURM_LOCALID", "2"}}), 2);
}

TEST(LocalRank, BelowMpirunSlurmSpeaksOfMpirunsHelper) {
  EXPECT_EQ(
      local({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "3"}, {"SLURM_LOCALID", "0"}}), 3);
  EXPECT_EQ(local({{"PMI_SIZE", "4"}, {"SLURM_LOCALID", "0"}}), 5) << "what MPI counted";
}

TEST(LocalRank, NonsenseIsNoNumber) { EXPECT_EQ(local({{"OMPI_COMM_WORLD_LOCAL_RANK", "one"}}), 5); }

std::string lone(const Environment& environment) {
  return lone_process_message([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(LoneProcess, IsToldInABatchScriptOfManyTasksOnly) {
  const Environment batch{{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_NUM_NODES", "2"}};
  Environment nodes_only = batch;
  nodes_only.erase("SLURM_NTASKS");
  Environment mpirun = batch;
  mpirun["OMPI_COMM_WORLD_SIZE"] = "4";
  Environment step = batch;
  step["SLURM_STEP_NUM_TASKS"] = "1";

  EXPECT_THAT(lone(batch), testing::HasSubstr("4 task(s) on 2 node(s)"));
  EXPECT_THAT(lone(nodes_only), testing::HasSubstr("2 task(s) on 2 node(s)"));
  EXPECT_EQ(lone(mpirun), "");
  EXPECT_EQ(lone(step), "");
  EXPECT_EQ(lone({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "1"}, {"SLURM_JOB_NUM_NODES", "1"}}), "");
  EXPECT_EQ(lone({{"SLURM_NTASKS", "4"}}), "");
}

int rank_in(const Environment& environment) {
  return launched_rank([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(LaunchedRank, IsWhatTheLauncherSays) {
  EXPECT_EQ(rank_in({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}, {"SLURM_PROCID", "1"}}),
            3);
  EXPECT_EQ(rank_in({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"}}), 2);
  EXPECT_EQ(rank_in({{"SLURM_PROCID", "2"}}), 0);
}

}  // namespace
}  // namespace annulus::comm
