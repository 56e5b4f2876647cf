// annulus status: how a run stands, seen from another shell.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "trainer/commands/common/context.hpp"
#include "trainer/run/progress.hpp"
#include "trainer/run/status.hpp"
#include "trainer/watch/last_words.hpp"

namespace annulus::trainer {
namespace {

struct StatusOptions {
  std::string run;
  bool json = false;
};

template <class Value>
nlohmann::ordered_json optional_json(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json to_json(const RankStatus& rank) {
  return {{"rank", rank.beat.rank},
          {"host", rank.beat.host},
          {"process", rank.beat.process},
          {"condition", rank.condition},
          {"step", rank.beat.step},
          {"phase", rank.beat.state == RankState::ended ? nullptr
                                                        : nlohmann::ordered_json(to_string(rank.beat.phase))},
          {"text", rank.beat.text},
          {"waiting", rank.beat.waiting},
          {"quiet_seconds", rank.beat.quiet_seconds},
          {"limit_seconds", rank.beat.limit_seconds},
          {"age_seconds", optional_json(rank.age_seconds)},
          {"own_step_seconds", rank.beat.own_step_seconds},
          {"resident_mb", rank.beat.resident_mb},
          {"exit_code", rank.beat.exit_code},
          {"failure", rank.failure}};
}

nlohmann::ordered_json to_json(const std::string& run, const RunStatus& status) {
  nlohmann::ordered_json json{{"run", run},
                              {"state", status.state},
                              {"exit_code", optional_json(status.exit_code)},
                              {"step", status.step},
                              {"total_steps", status.total_steps},
                              {"steps_per_epoch", status.steps_per_epoch},
                              {"loss", optional_json(status.figures.loss)},
                              {"accuracy", optional_json(status.figures.accuracy)},
                              {"validation_accuracy", optional_json(status.figures.validation_accuracy)},
                              {"images_per_second", optional_json(status.figures.images_per_second)},
                              {"seconds_left", optional_json(status.seconds_left)},
                              {"checkpoints", status.checkpoints},
                              {"best_checkpoint", optional_json(status.best_checkpoint)},
                              {"ranks", status.ranks},
                              {"slow_rank", nullptr}};
  if (const auto& top = status.figures.top) json[top_accuracy_key(top->k)] = top->share;
  if (const auto& top = status.figures.validation_top)
    json["validation_" + top_accuracy_key(top->k)] = top->share;
  if (status.slow) json["slow_rank"] = status.slow->rank;
  json["rank_status"] = nlohmann::ordered_json::array();
  for (const RankStatus& rank : status.rank_status) json["rank_status"].push_back(to_json(rank));
  return json;
}

void print_run(const std::string& run, const RunStatus& status) {
  fmt::print("{}: {}{}", run, status.state,
             status.exit_code ? fmt::format(" with code {}", *status.exit_code) : "");
  fmt::print(", step {}", status.step);
  if (status.total_steps > 0) fmt::print(" of {}", status.total_steps);
  if (status.steps_per_epoch > 0 && status.step > 0)
    fmt::print(", epoch {} of {}", (status.step - 1) / status.steps_per_epoch + 1,
               (status.total_steps + status.steps_per_epoch - 1) / status.steps_per_epoch);
  const LastFigures& figures = status.figures;
  if (figures.loss) fmt::print(", loss {:.4f}", *figures.loss);
  if (figures.accuracy) fmt::print(", accuracy {:.4f}", *figures.accuracy);
  if (figures.top) fmt::print(", top-{} accuracy {:.4f}", figures.top->k, figures.top->share);
  if (figures.validation_accuracy) fmt::print(", validation accuracy {:.4f}", *figures.validation_accuracy);
  if (figures.validation_top)
    fmt::print(", validation top-{} accuracy {:.4f}", figures.validation_top->k,
               figures.validation_top->share);
  if (figures.images_per_second) fmt::print(", {:.0f} images/s", *figures.images_per_second);
  if (status.seconds_left) fmt::print(", {} left", clock_text(*status.seconds_left));
  fmt::print("\n");
  if (status.checkpoints.empty()) {
    fmt::print("no checkpoint yet\n");
  } else {
    fmt::print("newest checkpoint: step {}", status.checkpoints.back());
    if (status.best_checkpoint) fmt::print(", best: step {}", *status.best_checkpoint);
    fmt::print("\n");
  }
}

/// What a rank is at, or how it ended: then it is in no phase any more.
std::string place_of(const Heartbeat& beat) {
  if (beat.state != RankState::ended) return where(beat.step, beat.phase, beat.text);
  return fmt::format("step {}, exit code {}", beat.step, beat.exit_code);
}

void print_ranks(const RunStatus& status) {
  if (status.rank_status.empty()) return;
  fmt::print("  {:>4}  {:<16} {:>8}  {:<8} {:>8}  {:>7}  {}\n", "rank", "host", "process", "is", "ms/step",
             "seen", "at");
  for (const RankStatus& rank : status.rank_status) {
    const Heartbeat& beat = rank.beat;
    fmt::print("  {:>4}  {:<16} {:>8}  {:<8} {:>8.3g}  {:>7}  {}\n", beat.rank, beat.host, beat.process,
               rank.condition, 1e3 * beat.own_step_seconds,
               rank.age_seconds ? fmt::format("{:.1f} s", *rank.age_seconds) : "?", place_of(beat));
    if (!rank.failure.empty()) fmt::print("        {}\n", rank.failure);
  }
  if (std::ranges::any_of(status.rank_status, [](const RankStatus& rank) { return !rank.age_seconds; }))
    fmt::print(
        "  ?: dated in the future: a clock was set back since, or the clocks of the hosts differ; how long ago such a rank was seen is not known\n");
  const int missing = status.ranks - static_cast<int>(status.rank_status.size());
  if (missing > 0) fmt::print("  {} rank(s) have left no heartbeat yet\n", missing);
  if (status.slow) fmt::print("{}\n", describe(*status.slow));
}

ExitCode show_status(const StatusOptions& options, Context& context) {
  const RunStatus status = read_run_status(options.run);
  if (context.mpi.world().rank != 0) return ExitCode::done;
  if (options.json) {
    fmt::print(
        "{}\n",
        to_json(options.run, status).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return ExitCode::done;
  }
  print_run(options.run, status);
  print_ranks(status);
  return ExitCode::done;
}

}  // namespace

void add_status(Verb& app, Action& action) {
  auto options = std::make_shared<StatusOptions>();
  Verb* verb = app.add_subcommand("status", "How a run stands: progress, checkpoints, what every rank does");
  verb->add_option("run", options->run, "Run directory")->required();
  verb->add_flag("--json", options->json, "One line of JSON");
  verb->callback([options, &action] {
    action = [options](Context& context) { return show_status(*options, context); };
  });
}

}  // namespace annulus::trainer
