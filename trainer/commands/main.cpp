// Entry point: starts the ranks, reads the command line, runs one verb, and is the only place that catches.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "trainer/commands/context.hpp"
#include "trainer/environment.hpp"

namespace {

using annulus::Error;
using annulus::ExitCode;
using annulus::trainer::Action;
using annulus::trainer::Context;

/// Leaves crash/rank-N.json in the run directory, if there is one yet. Never throws: it runs on the failure
/// path.
void write_crash_record(const Context& context, const std::string& message, ExitCode code) noexcept {
  if (context.crash_directory.empty()) return;
  try {
    const auto& world = context.mpi.world();
    std::filesystem::create_directories(context.crash_directory);
    std::ofstream file(context.crash_directory + "/rank-" + std::to_string(world.rank) + ".json");
    file << nlohmann::json{{"rank", world.rank},
                           {"ranks", world.ranks},
                           {"host", world.host},
                           {"process", getpid()},
                           {"phase", context.phase},
                           {"message", message},
                           {"exit_code", static_cast<int>(code)},
                           {"command_line", context.command_line}}
                .dump(2)
         << "\n";
  } catch (...) {
    std::fputs("error: could not write the crash record\n", stderr);
  }
}

ExitCode fail(const Context& context, const std::string& message, ExitCode code) {
  annulus::log_error("{}", message);
  write_crash_record(context, message, code);
  if (context.mpi.world().ranks > 1) context.mpi.abort(code);
  return code;
}

ExitCode run(Context& context, const Action& action) {
  try {
    return action(context);
  } catch (const Error& error) {
    return fail(context, error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return fail(context,
                "out of memory while in phase '" + context.phase +
                    "'. Use a smaller batch.size, more batch.shards or fewer device.threads.",
                ExitCode::failure);
  } catch (const std::exception& error) {
    return fail(context, std::string("unexpected: ") + error.what(), ExitCode::failure);
  }
}

/// Reads the command line. @return the exit code when there is nothing to run (help, version, a mistake).
std::optional<ExitCode> parse(CLI::App& app, int argc, char** argv, int rank) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (rank != 0) return error.get_exit_code() == 0 ? ExitCode::done : ExitCode::usage;
    return app.exit(error) == 0 ? ExitCode::done : ExitCode::usage;
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace annulus::trainer;
  try {
    annulus::comm::MpiSession mpi(argc, argv);
    annulus::configure_log(mpi.world().rank, mpi.world().ranks);
    Context context{.mpi = mpi, .command_line = {argv, argv + argc}};

    CLI::App app{"Annulus: trains convolutional networks data-parallel on CPU cores and GPUs.", "annulus"};
    app.require_subcommand(1);
    app.set_version_flag("--version", program_version());
    Action action;
    add_train(app, action);
    add_evaluate(app, action);
    add_predict(app, action);
    add_summary(app, action);
    add_data(app, action);
    add_bench(app, action);
    add_doctor(app, action);
    if (const auto code = parse(app, argc, argv, mpi.world().rank)) return static_cast<int>(*code);
    return static_cast<int>(run(context, action));
  } catch (const Error& error) {  // only the start of MPI gets here
    annulus::log_error("{}", error.what());
    return static_cast<int>(error.code());
  }
}
