// What every verb of the program gets: the ranks, the words it was called with, and somebody who watches over
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "trainer/commands/common/verb.hpp"
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

void add_train(Verb& app, Action& action);
void add_evaluate(Verb& app, Action& action);
void add_predict(Verb& app, Action& action);
void add_summary(Verb& app, Action& action);
void add_data(Verb& app, Action& action);
void add_rich(Verb& app, Action& action);
void add_bench(Verb& app, Action& action);
void add_job(Verb& app, Action& action);
void add_diff_runs(Verb& app, Action& action);
void add_doctor(Verb& app, Action& action);
void add_status(Verb& app, Action& action);

}  // namespace annulus::trainer
