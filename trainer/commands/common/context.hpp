// What every verb of the program gets: the ranks, the words it was called with, and somebody who watches over
// it.
//
// In: the command line, as main() has read it.
// Out: an Action that runs the verb and returns the exit code.
// Invariant: a verb throws, and only main() turns an error into a message and a code.
// Next: trainer/commands/main.cpp, load.hpp (configs and models), trainer/commands/train.cpp (the verb that
// matters most).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "comm/ranks/mpi_session.hpp"
#include "trainer/commands/common/verb.hpp"
#include "trainer/watch/job_watch.hpp"

namespace annulus::trainer {

struct Context {
  comm::MpiSession& mpi;
  std::vector<std::string> command_line;
  std::unique_ptr<JobWatch> watch = {};  ///< made by verbs that work for long; outlives all that may hang
};

/// What a verb does with a signal that asks the program to stop (base/stop_request.hpp).
enum class StopSignals {
  end_it,  ///< it has nothing to save
  heeded,  ///< it looks for them, saves what there is and returns
};

/// Set by the verb that the command line names.
struct Action {
  std::function<ExitCode(Context&)> work;
  StopSignals stop_signals = StopSignals::end_it;

  Action() = default;
  template <class Work>
  requires std::is_invocable_r_v<ExitCode, Work&, Context&>
  // NOLINTNEXTLINE(google-explicit-constructor): a verb assigns what it does, `action = [](Context&) {...}`
  Action(Work verb, StopSignals signals = StopSignals::end_it)
      : work(std::move(verb)), stop_signals(signals) {}
};

void add_train(Verb& app, Action& action);
void add_evaluate(Verb& app, Action& action);
void add_predict(Verb& app, Action& action);
void add_export(Verb& app, Action& action);
void add_summary(Verb& app, Action& action);
void add_data(Verb& app, Action& action);
void add_rich(Verb& app, Action& action);
void add_bench(Verb& app, Action& action);
void add_job(Verb& app, Action& action);
void add_diff_runs(Verb& app, Action& action);
void add_doctor(Verb& app, Action& action);
void add_status(Verb& app, Action& action);

}  // namespace annulus::trainer
