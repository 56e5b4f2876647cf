// What every verb of the program gets: the ranks, the words it was called with, and somebody who watches over
// it.
//
// In: the command line, as main() has read it.
// Out: an Action that runs the verb and returns the exit code.
// Invariant: a verb throws, and only main() turns an error into a message and a code.
// Next: trainer/commands/main.cpp, load.hpp (configs and models), trainer/commands/train.cpp (the verb that
// matters most).
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "trainer/watch/job_watch.hpp"

namespace annulus::trainer {

struct Context {
  comm::MpiSession& mpi;
  std::vector<std::string> command_line;
  std::string phase = "start";           ///< what the program is doing, for messages
  std::unique_ptr<JobWatch> watch = {};  ///< made by verbs that work for long; outlives all that may hang
};

/// Set by the verb that the command line names.
using Action = std::function<ExitCode(Context&)>;

void add_train(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_summary(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_rich(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_job(CLI::App& app, Action& action);
void add_diff_runs(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);

}  // namespace annulus::trainer
