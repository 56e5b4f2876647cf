// What a job script asks of SLURM, and that the rest of it is jobs/train.sbatch.
#include "trainer/slurm/job_script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "tests/support/source_dir.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/run/save_times.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

JobRequest request() {
  JobRequest job;
  job.config = "configs/a.yaml";
  job.overrides = {"epochs=3", "augmentation.zoom_range=[0.9, 1.1]"};
  job.run = "runs/a";
  job.name = "a";
  job.folder = "/home/me";
  job.program = {"/opt/annulus"};
  job.nodes = 2;
  job.ranks_per_node = 4;
  job.cpus_per_rank = 8;
  job.time = "8:00:00";
  job.signal_lead_s = 120;
  job.lead_reason = "the least";
  return job;
}

std::string line(const std::string& text) { return "\n" + text + "\n"; }

TEST(JobScript, AsksForWhatTheRequestSays) {
  const std::string script = job_script(request());

  EXPECT_THAT(script, StartsWith("#!/usr/bin/env bash\n"));
  for (const char* option : {"job-name=a", "nodes=2", "ntasks-per-node=4", "cpus-per-task=8", "time=8:00:00",
                             "signal=B:USR1@120", "requeue", "open-mode=append", "chdir=/home/me"})
    EXPECT_THAT(script, HasSubstr(line(std::string("#SBATCH --") + option)));
  EXPECT_THAT(script, Not(HasSubstr("#SBATCH --gpus")));
  EXPECT_THAT(script, Not(HasSubstr("#SBATCH --partition")));
  EXPECT_THAT(script, HasSubstr(line("program=(/opt/annulus)")));
  EXPECT_THAT(
      script,
      HasSubstr("words=(configs/a.yaml epochs=3 'augmentation.zoom_range=[0.9, 1.1]' --run runs/a \"$@\")"));
}

TEST(JobScript, OptionsOnDemand) {
  JobRequest job = request();
  job.gpus_per_node = 4;
  job.partition = "gpu";
  job.account = "physics";
  job.array = "1-40%4";
  job.sweep = "my sweep.txt";
  job.more_options = {"qos=long", "exclusive"};

  const std::string script = job_script(job);

  for (const char* option :
       {"gpus-per-node=4", "partition=gpu", "account=physics", "array=1-40%4", "qos=long", "exclusive"})
    EXPECT_THAT(script, HasSubstr(line(std::string("#SBATCH --") + option)));
  EXPECT_THAT(script, HasSubstr("\nsweep='my sweep.txt' #"));
}

TEST(JobScript, SharesItsBodyWithTrainSbatch) {
  std::ifstream file(source_dir() + "/jobs/train.sbatch");
  std::stringstream text;
  text << file.rdbuf();
  const std::string whole = text.str();
  const std::string body = whole.substr(whole.find("# ---- From here on"));

  EXPECT_EQ(train_sbatch(), whole) << "the build has taken in an older file";
  EXPECT_THAT(job_script(request()), EndsWith(body));
  EXPECT_THAT(body, AllOf(HasSubstr("requeue()"), Not(HasSubstr("#SBATCH"))));
}

TEST(JobScript, RefusesWhatWouldBreakItsHead) {
  JobRequest job = request();
  job.partition = "gpu\n#SBATCH --nodes=1000";

  EXPECT_THROW(job_script(job), UsageError);
}

TEST(SaveTimes, SlowestOfARun) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "logs");
  write_file(directory / "logs/rank-0.log",
             "2026-05-01 12:00:00.000 debug " + save_note(20, 45000000, 41.25) + "\n12:00:01 debug " +
                 save_note(40, 45000000, 0.5) +
                 "\nepoch 2/3: loss 99.5 s\nx written and verified in ages s\n" +
                 save_note(60, 45000000, 90.25).substr(0, 58));  // "... in 90."

  EXPECT_EQ(save_note(20, 45000000, 41.25), "checkpoint of step 20: 45.0 MB written and verified in 41.25 s");
  EXPECT_EQ(slowest_save_s(directory.path()), 41.25);
  EXPECT_FALSE(slowest_save_s(directory / "elsewhere").has_value());
}

}  // namespace
}  // namespace annulus::trainer
