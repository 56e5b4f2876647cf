// What every verb of the program gets: the ranks, the words it was called with, and a place for its crash
// record.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/mpi_session.hpp"

namespace annulus::trainer {

struct Context {
  comm::MpiSession& mpi;
  std::vector<std::string> command_line;
  std::string crash_directory;  ///< set once a run directory exists
  std::string phase = "start";  ///< what the program is doing, for the crash record
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

}  // namespace annulus::trainer
