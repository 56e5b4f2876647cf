// A job script for SLURM as text: what `annulus job` prints. Its head is made here, the rest is that of
// jobs/train.sbatch, which the build takes in.
//
// In: what a job asks for, already checked.
// Out: the text of a job script.
// Invariant: a value cannot become a command: words are quoted, and what cannot be quoted is refused.
// Next: words.hpp (SLURM's notations), trainer/commands/job.cpp (the options), jobs/train.sbatch (what the
// script does).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::trainer {

/// What a job asks of SLURM, and what it trains. Everything has been checked.
struct JobRequest {
  std::string config;                  ///< as seen from `folder`
  std::vector<std::string> overrides;  ///< key=value
  std::string run;                     ///< run directory; empty: the program's choice
  std::string name;                    ///< of the job
  std::string folder;                  ///< where it works; absolute
  std::vector<std::string> program;    ///< words that start the program
  std::uint64_t nodes = 1;
  std::uint64_t ranks_per_node = 1;
  std::uint64_t gpus_per_node = 0;  ///< 0 = CPU nodes; else as many as ranks
  std::uint64_t cpus_per_rank = 1;
  std::string time;                 ///< limit, as SLURM writes it
  std::uint64_t signal_lead_s = 0;  ///< how long before the limit the job is asked to stop
  std::string lead_reason;          ///< why so long, for a comment
  std::string partition;            ///< empty: SLURM's choice, as for account and array
  std::string account;
  std::string array;
  std::string sweep;  ///< file with a line of words for every task of the array; empty: none
  std::vector<std::string> more_options;  ///< of sbatch, without the dashes: "qos=long"
  std::string launcher = "auto";          ///< "srun", "mpirun" or "auto"
  std::uint64_t max_restarts = 20;
};

/// @throws UsageError for a value that cannot stand in a job script
std::string job_script(const JobRequest& request);

/// jobs/train.sbatch as it was when the program was built.
std::string_view train_sbatch();

}  // namespace annulus::trainer
