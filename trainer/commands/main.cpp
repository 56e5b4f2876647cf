// Entry point: starts the ranks, reads the command line, runs one verb, and is the only place that catches.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "base/stable_hash.hpp"
#include "base/standard_output.hpp"
#include "base/stop_request.hpp"
#include "base/vital_signs.hpp"
#include "io/hdf5/server.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/loop/same_program.hpp"
#include "trainer/run/environment.hpp"
#include "trainer/watch/crash_signals.hpp"

namespace {

using annulus::Error;
using annulus::ExitCode;
using annulus::trainer::Action;
using annulus::trainer::Context;

/// Of the process that reads HDF5 files for this rank; more find no work.
int unpacking_threads(const annulus::comm::World& world) {
  constexpr int kMost = 8;
  return annulus::trainer::default_threads({world.node_rank, world.node_ranks}, kMost);
}

/// Reports an error and takes all ranks down: orderly when all of them have failed, else by force.
///
/// The order matters. The crash record comes first, as nothing is certain after it. Then the ranks look
/// whether all have failed: if so, MPI ends as usual and the exit code is that of the error on every rank; a
/// rank alone has to abort the job, or the others would wait for it for ever. Only then it is known who may
/// speak: one message when all failed alike, one of every rank when they failed differently, one of the
/// origin otherwise.
ExitCode fail(Context& context, const std::string& message, ExitCode code) {
  using annulus::comm::Failure;
  if (context.watch) context.watch->failing(message, code);  // first: all that follows may take its time
  // An error about the others is never met by all of them.
  const bool others_may_know = code != ExitCode::peer && code != ExitCode::watchdog;
  const Failure failure =
      others_may_know ? context.mpi.meet_failed(annulus::stable_hash(message)) : Failure::alone;
  const bool told = failure == Failure::alone &&
                    !(context.watch ? context.watch->speaks_first() : context.mpi.speaks_first());
  if (failure == Failure::of_all_alike)
    annulus::log_info("error: {}", message);  // once on the terminal, by rank 0, and in the files of all
  else if (told)
    annulus::log_debug("error: {}", message);  // another rank has named the origin; this is what followed
  else
    annulus::log_error("{}", message);
  if (failure == Failure::alone && context.mpi.world().ranks > 1) context.mpi.abort(code);
  return code;
}

/// @param verb  for messages
ExitCode run(Context& context, const Action& action, const std::string& verb) {
  try {
    annulus::trainer::require_same_program(context.mpi.group(), context.mpi.world().host,
                                           annulus::trainer::program_version());
    const ExitCode code = action.work(context);
    if (context.watch) context.watch->ended(code);
    return code;
  } catch (const Error& error) {
    return fail(context, error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return fail(
        context,
        fmt::format(
            "out of memory in `{}`, while in phase '{}'. Use a smaller batch.size, more batch.shards or fewer device.threads.",
            verb, to_string(annulus::failed_vital_signs().phase)),
        ExitCode::failure);
  } catch (const std::exception& error) {
    return fail(context, std::string("unexpected: ") + error.what(), ExitCode::failure);
  }
}

/// A missing verb, or a word that is none, with the verbs there are; CLI11 only says that one is required.
/// @return nothing when the next word is a verb or an option
std::optional<std::string> wrong_verb(const CLI::App& app, std::span<char*> words) {
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  if (verbs.empty() || (!words.empty() && words[0][0] == '-')) return std::nullopt;
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs) {
    if (!words.empty() && verb->get_name() == words[0]) return wrong_verb(*verb, words.subspan(1));
    names.push_back(verb->get_name());
  }
  if (words.empty())
    return fmt::format("`{}` needs a verb: {}. Each explains itself with --help.", app.get_name(),
                       fmt::join(names, ", "));
  const std::string near = annulus::io::nearest_name(words[0], names);
  return fmt::format("'{}' is not a verb of `{}`.{} Verbs: {}. Each explains itself with --help.", words[0],
                     app.get_name(), near.empty() ? "" : " Did you mean " + near + "?",
                     fmt::join(names, ", "));
}

/// "annulus rich images": what the command line has named so far.
std::string verb_of(const CLI::App& app) {
  const CLI::App* verb = &app;
  std::string name = app.get_name();
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    name += " " + verb->get_name();
  }
  return name;
}

/// What CLI11 says about options, with the verb that it is about.
std::string mistake(const CLI::App& app, const std::string& what) {
  return fmt::format("{}. `{} --help` says what there is.", what, verb_of(app));
}

/// Reads the command line. @return the exit code when there is nothing to run (help, version, a mistake).
std::optional<ExitCode> parse(CLI::App& app, int argc, char** argv, int rank) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const ExitCode code = error.get_exit_code() == 0 ? ExitCode::done : ExitCode::usage;
    if (rank != 0) return code;
    const auto words = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
    if (code == ExitCode::done)
      app.exit(error);  // prints the help or the version
    else
      annulus::log_info("error: {}", wrong_verb(app, words).value_or(mistake(app, error.what())));
    return code;
  }
}

/// The code of a verb that has ended, unless what it printed did not arrive.
ExitCode finished(ExitCode code) {
  try {
    annulus::finish_standard_output();
  } catch (const Error& error) {
    annulus::log_error("{}", error.what());
    if (code == ExitCode::done) return error.code();
  }
  return code;
}

}  // namespace

// What escapes from the handler, no memory for its message for example, ends the process as it should.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  using namespace annulus::trainer;
  annulus::open_standard_streams();
  // Before MPI: this process is not a rank, but one that a rank has started.
  if (argc == 3 && std::string_view(argv[1]) == annulus::io::kReaderWord)
    return annulus::io::reader_main(argv[2]);
  annulus::io::set_hdf5_reader(annulus::io::start_program("/proc/self/exe"));
  annulus::guard_standard_output();
  settle_signals();
  try {
    // From the first moment: a job may be asked to stop while MPI still starts. And ranks that fail together
    // end one after another, of which srun ends the slower ones by SIGTERM: that would hide their exit code,
    // on which job scripts act.
    catch_stop_signals();
    annulus::comm::MpiSession mpi(argc, argv);
    annulus::configure_log(mpi.world().rank, mpi.world().ranks);
    annulus::io::set_unpack_threads(unpacking_threads(mpi.world()));
    annulus::trainer::catch_crash_signals(mpi.world().host, mpi.world().rank);
    Context context{.mpi = mpi, .command_line = {argv, argv + argc}};

    CLI::App app{"Annulus: trains convolutional networks data-parallel on CPU cores and GPUs.", "annulus"};
    app.require_subcommand(1);
    app.set_version_flag("--version", program_version());
    Action action;
    Verb program(app);
    add_train(program, action);
    add_evaluate(program, action);
    add_predict(program, action);
    add_export(program, action);
    add_summary(program, action);
    add_data(program, action);
    add_rich(program, action);
    add_bench(program, action);
    add_job(program, action);
    add_diff_runs(program, action);
    add_doctor(program, action);
    add_status(program, action);
    if (const auto code = parse(app, argc, argv, mpi.world().rank)) return static_cast<int>(finished(*code));
    // Only a training can save and stop in order; every other verb ends at once, as users expect.
    if (action.stop_signals == StopSignals::end_it)
      release_stop_signals();
    else
      ask_before_cpu_limit();
    return static_cast<int>(finished(run(context, action, verb_of(app))));
  } catch (const Error& error) {  // only the start of MPI gets here
    annulus::log_error("{}", error.what());
    return static_cast<int>(error.code());
  }
}
