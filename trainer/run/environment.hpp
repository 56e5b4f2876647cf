// Where and with what a run was made: what environment.json in the run directory says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annulus::trainer {

/// "annulus 0.1.0 (git 1a2b3c4)"; without a git id when the source was not a checkout.
std::string program_version();

/// What only the caller knows. Gathered on rank 0.
struct EnvironmentFacts {
  struct Library {
    std::string name;     ///< "MPI"
    std::string version;  ///< as the library names itself
  };
  std::vector<std::string> command_line;
  std::vector<std::string> hosts;    ///< of every rank
  std::vector<std::string> devices;  ///< of every rank, Replica::describe()
  std::vector<Library> libraries;
  std::string machine = {};  ///< of rank 0: NumbersRecord::machine, instructions and trial
  std::string instructions = {};
  std::uint64_t trial = 0;
  double bucket_kb = 0;                           ///< size of the pieces in which gradients travel
  std::vector<std::string> allowed_changes = {};  ///< that a resumed run was told to take
  std::string bucket_origin;                      ///< of that size: "given", "usual" or "measured"
};

/// JSON text: program, compiler, start time (UTC), working directory and the facts. When `previous` is the
/// text of an earlier start of the same run, that one and those before it are kept under `earlier_starts`.
std::string environment_json(const EnvironmentFacts& facts, const std::string& previous = {});

}  // namespace annulus::trainer
