// Reads the variables that mpirun and srun leave behind.
#include "comm/ranks/launcher.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>

namespace annulus::comm {
namespace {

/// The value of a variable as a number, nothing when it is not one or negative.
std::optional<int> number(const EnvironmentReader& read, const char* name) {
  const char* text = read(name);
  if (text == nullptr) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0' || value < 0) return std::nullopt;
  return value;
}

/// The value of a variable as a positive number, or 0 when it is not one.
int positive(const EnvironmentReader& read, const char* name) { return number(read, name).value_or(0); }

}  // namespace

Launch detect_launcher(const EnvironmentReader& read) {
  // Inside a SLURM job mpirun leaves its own variables beside misleading SLURM ones: it goes first.
  if (const int ranks = positive(read, "OMPI_COMM_WORLD_SIZE"); ranks > 0) return {"mpirun", ranks, true};

  const int tasks = positive(read, "SLURM_STEP_NUM_TASKS");
  if (tasks > 0 && read("SLURM_PROCID") != nullptr) {
    const bool speaks_mpi = read("PMIX_RANK") != nullptr || read("PMI_RANK") != nullptr;
    return {"srun", tasks, speaks_mpi};
  }
  if (const int ranks = positive(read, "PMI_SIZE"); ranks > 0) return {"mpirun", ranks, true};
  // A launcher that speaks PMIx without naming a size (prun, jsrun): MPI knows it.
  if (read("PMIX_RANK") != nullptr) return {"mpirun", 1, true};
  return {};
}

int local_rank(const EnvironmentReader& read, int fallback) {
  // Open MPI, then MPICH's and Intel's launchers. SLURM's own variable counts only when srun started this
  // process: below mpirun it is that of mpirun's helper.
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"})
    if (const auto rank = number(read, name)) return *rank;
  if (detect_launcher(read).launcher == "srun") return number(read, "SLURM_LOCALID").value_or(fallback);
  return fallback;
}

int launched_rank(const EnvironmentReader& read) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
    if (const auto rank = number(read, name)) return *rank;
  return detect_launcher(read).launcher == "srun" ? number(read, "SLURM_PROCID").value_or(0) : 0;
}

std::string lone_process_message(const EnvironmentReader& read) {
  // Any other step of the job, `srun --pty bash` for example, was asked for by its user as it is.
  if (read("SLURM_JOB_ID") == nullptr || read("SLURM_STEP_NUM_TASKS") != nullptr) return {};
  if (detect_launcher(read).launcher != "none") return {};
  const int tasks = positive(read, "SLURM_NTASKS");
  const int nodes = positive(read, "SLURM_JOB_NUM_NODES");
  if (tasks <= 1 && nodes <= 1) return {};
  return fmt::format(
      "this SLURM job has {} task(s) on {} node(s), but the program was started without srun: it is one process alone, and the rest of the job stays idle. Start it with `srun --mpi=pmix annulus ...` or mpirun; `annulus job` writes a script that does",
      tasks > 0 ? tasks : nodes, nodes > 0 ? nodes : 1);
}

std::string separate_worlds_message(const Launch& launch) {
  const std::string fix =
      launch.launcher == "srun"
          ? "Start it with 'srun --mpi=pmix ...' ('srun --mpi=list' shows what the cluster offers), or with mpirun inside the job"
          : "Use the mpirun of the MPI library that the program was built with ('annulus doctor' names it, 'mpirun --version' shows the one in PATH)";
  return fmt::format(
      "{} started {} processes, but MPI sees a world of one: each of them would train alone and overwrite the others' files. {}",
      launch.launcher, launch.ranks, fix);
}

}  // namespace annulus::comm
