// annulus train: a config and a run directory become a trained model.
#include <fmt/ranges.h>

#include <chrono>
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/generators.hpp"
#include "trainer/commands/start_warnings.hpp"
#include "trainer/training_job.hpp"

namespace annulus::trainer {
namespace {

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;
  std::string run;
  std::string resume = "auto";
  std::vector<std::string> allow_change;
  std::string inject;
  bool debug = false;
  bool print_config = false;
};

/// Debug mode: two epochs on a small subset, every layer checked, replicas compared after each step.
void add_debug_overrides(std::vector<std::string>& overrides) {
  overrides.insert(overrides.begin(), {"debug=true", "epochs=2"});
}

void print_origins(const LoadedConfig& loaded) {
  for (const Origin& origin : loaded.origins)
    fmt::print("{:<40} {:<24} # {}\n", origin.key, origin.value, origin.origin);
}

/// The fault to make, if any; what it does to the data is done here.
std::optional<Fault> planned_fault(const TrainOptions& options, const std::string& run, Config& config,
                                   const comm::World& world) {
  if (options.inject.empty()) return std::nullopt;
  const Fault fault = parse_fault(options.inject, world.ranks);
  if (fault.kind == FaultKind::truncated_data && fault.rank == world.rank) {
    if (config.data.path.empty())
      throw UsageError(
          "--inject truncated-data cuts a copy of the file in data.path, but this config names none. Name one.");
    const std::string copy = run + ".truncated.h5";  // beside the run directory, which is not there yet
    copy_truncated(config.data.path, copy);
    config.data.path = copy;
    announce_fault(fault);
  }
  return fault;
}

/// An error is recorded while everything still stands: taking it down may hang, on a dead disk for example.
Outcome run_watched(TrainingJob& job, JobWatch& watch) {
  try {
    return job.run();
  } catch (const Error& error) {
    watch.failing(error.what(), error.code());
    throw;
  } catch (const std::exception& error) {
    watch.failing(error.what(), ExitCode::failure);
    throw;
  }
}

bool stopped_early(const TrainingJob& job) {
  const int patience = job.config().early_stopping.patience;
  return patience > 0 && job.state().epochs_without_improvement >= patience;
}

/// What makes a run go on that has nothing left to do: everything that holds it up, not the first thing.
std::string remedies(const TrainingJob& job) {
  const Config& config = job.config();
  std::vector<std::string> words;
  if (job.state().step >= job.total_steps()) {
    words.emplace_back("a larger epochs");
    if (row_of(kSchedules, config.schedule.kind).spans_the_run)
      words.emplace_back(fmt::format(
          "--allow-change epochs (with schedule.kind = {} the learning rate depends on them: it goes on as if the run had been planned that long)",
          word_of(config.schedule.kind)));
  }
  if (stopped_early(job))
    words.emplace_back(fmt::format("early_stopping.patience={} or larger, or 0 for no early stop",
                                   job.state().epochs_without_improvement + 1));
  return fmt::format("{}", fmt::join(words, ", and "));
}

/// Of a start that found nothing to do.
void say_that_all_was_done(const TrainingJob& job, const std::string& run) {
  const std::uint64_t step = job.state().step;
  const std::string reason =
      step >= job.total_steps()
          ? fmt::format("All {} steps were done before", job.total_steps())
          : fmt::format(
                "This run stopped early after step {} of {}, as there was no better validation {} for {} epochs",
                step, job.total_steps(), phrase_of(job.config().checkpoint.best_by),
                job.state().epochs_without_improvement);
  log_info("{}. To go on, start again with {}. Model, metrics and checkpoints are in {}.", reason,
           remedies(job), run);
}

ExitCode train(TrainOptions options, Context& context) {
  if (options.debug) add_debug_overrides(options.overrides);
  LoadedConfig loaded = load_shared_config(options.config, options.overrides, context.mpi);
  if (options.print_config) {
    if (context.mpi.world().rank == 0) print_origins(loaded);
    return ExitCode::done;
  }
  const std::string run = options.run.empty() ? "runs/" + loaded.config.name : options.run;

  // From here on a rank that hangs is noticed: before the data are opened, which is where disks first hang.
  context.watch = std::make_unique<JobWatch>(loaded.config.watchdog, context.mpi, context.command_line);

  const std::optional<Fault> fault = planned_fault(options, run, loaded.config, context.mpi.world());
  TrainingJob job(std::move(loaded.config), context.mpi,
                  {run, options.resume, options.allow_change, context.command_line, generate_source, fault});
  context.watch->enter(run);
  configure_log(context.mpi.world().rank, context.mpi.world().ranks,
                run + "/logs/rank-" + std::to_string(context.mpi.world().rank) + ".log");
  warn_of_start(context.mpi.world());
  if (!job.uses_gpu()) warn_of_binding(job.config(), context.mpi);

  if (job.config().debug)
    log_info(
        "debug: at most 1024 images per split, every layer checked for NaN, replicas compared after each step");
  const std::uint64_t before = job.state().step;
  const Outcome outcome = run_watched(job, *context.watch);
  if (outcome == Outcome::stopped) {
    log_info("Stopped at step {} with a complete checkpoint. Start the same command again to go on.",
             job.state().step);
    return ExitCode::stopped;
  }
  if (const std::uint64_t skipped = job.state().anomalies.skipped; skipped > 0)
    log_info("{} bad step(s) were skipped; metrics.jsonl says which, and why.", skipped);
  if (job.state().step == before && before > 0)
    say_that_all_was_done(job, run);
  else
    log_info("Done: {} steps. Model, metrics and checkpoints are in {}.", job.state().step, run);
  return ExitCode::done;
}

}  // namespace

void add_train(Verb& app, Action& action) {
  auto options = std::make_shared<TrainOptions>();
  Verb* verb =
      app.add_subcommand("train", "Train the network of a config; resume where an earlier start ended");
  verb->add_option("config", options->config, "YAML file")->required();
  verb->add_option("overrides", options->overrides, "key=value, e.g. epochs=5 optimizer.learning_rate=0.02");
  verb->add_option("--run", options->run, "Run directory (default: runs/NAME, NAME from the config)");
  verb->add_option("--resume", options->resume, "auto, none or the path of a checkpoint")
      ->capture_default_str();
  verb->add_option("--allow-change", options->allow_change,
                   "Keys or groups that a resumed run may change, e.g. optimizer.learning_rate,data.content")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_flag("--debug", options->debug,
                 "Small subset, two epochs, NaN checks after every layer, replicas compared each step");
  verb->add_option("--inject", options->inject,
                   "A fault to make on purpose, e.g. rank=1,step=120,kind=kill (docs/reliability.md)");
  verb->add_flag("--print-config", options->print_config,
                 "Print every value and where it comes from, then stop");
  verb->callback([options, &action] {
    action = {[options](Context& context) { return train(*options, context); }, StopSignals::heeded};
  });
}

}  // namespace annulus::trainer
