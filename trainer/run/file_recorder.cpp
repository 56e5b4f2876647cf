// Rank 0's recorder: ties the run directory, the metrics files, the progress line and the checkpoints
// together.
#include "trainer/run/file_recorder.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/process_time.hpp"
#include "base/vital_signs.hpp"
#include "io/files/durable_file.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/training_loop.hpp"
#include "trainer/model/config_writer.hpp"
#include "trainer/run/checkpoint_store.hpp"
#include "trainer/run/directory.hpp"
#include "trainer/run/environment.hpp"
#include "trainer/run/epoch_count.hpp"
#include "trainer/run/ledger.hpp"
#include "trainer/run/metrics.hpp"
#include "trainer/run/progress.hpp"
#include "trainer/run/resume_rules.hpp"
#include "trainer/run/resumed_state.hpp"
#include "trainer/run/run_request.hpp"
#include "trainer/run/save_times.hpp"
#include "trainer/run/signature_file.hpp"
#include "trainer/run/snapshot_worker.hpp"
#include "trainer/watch/slow_ranks.hpp"

namespace annulus::trainer {
namespace {

/// Steps between two `step` records in the metrics. Each is a line, written out at once, that tells of its
/// own step, not of a mean over the ten: enough for a curve, in a tenth of the file.
constexpr std::uint64_t kStepsPerRecord = 10;

EnvironmentFacts facts_of(const FileRecorderOptions& options) {
  return {.command_line = options.command_line,
          .hosts = {options.host},
          .devices = {options.replica.describe()},
          .libraries = {{"MPI", options.mpi}},
          .machine = options.numbers.machine,
          .instructions = options.numbers.instructions,
          .trial = options.numbers.trial,
          .bucket_kb = static_cast<double>(options.bucket_size.bytes) / 1024,
          .bucket_origin = word_of(options.bucket_size.origin)};
}

Retention retention(const CheckpointConfig& config, std::uint64_t steps_per_epoch) {
  return {.keep_last = config.keep_last,
          .periods = {static_cast<std::uint64_t>(config.keep_every_steps),
                      static_cast<std::uint64_t>(config.keep_every_epochs) * steps_per_epoch}};
}

class FileRecorder final : public Recorder {
 public:
  explicit FileRecorder(const FileRecorderOptions& options)
      : options_(options),
        directory_(options.run_directory),
        store_(directory_.checkpoints().string(),
               retention(options.config.checkpoint, options.steps_per_epoch)),
        rules_(options.config, options.allow_change),
        epoch_began_(steady_seconds()),
        saved_at_(steady_seconds()) {}

  RunState restore(const std::string& resume) override {
    RunState state;
    std::optional<CheckpointInfo> info;  // first: what cannot be gone on with leaves no directory behind
    if (is_named(resume)) info = load_named(resume);
    if (resume == "auto") info = load_newest();
    if (info) {
      write_fixed_weights(options_.replica);
      state = state_in(*info);
      rules_.compare_origin(*info, info_of(state), options_.data_note);
      rules_.require(fmt::format("the checkpoint of step {}", info->step));
      last_saved_step_ = is_named(resume) ? 0 : state.step;
    }
    claim_directory();
    later_ = resume == "auto" ? LaterLines::dropped : LaterLines::set_aside;
    begin(state);
    if (info && info->optimizer_anew) event(state, new_optimizer_note(*info));
    epoch_began_ = steady_seconds();  // to restore is not to train
    return state;
  }

  std::optional<RunState> go_back() override {
    worker_.finish();
    const std::optional<CheckpointInfo> info = load_newest();
    if (info) write_fixed_weights(options_.replica);
    if (info && info->optimizer_anew) log_info("{}", new_optimizer_note(*info));
    later_ = LaterLines::dropped;
    const RunState state = info ? state_in(*info) : RunState{};
    last_saved_step_ = last_noted_step_ = state.step;
    epoch_began_ = steady_seconds();
    epoch_samples_ = 0;
    open(state);
    return info ? std::optional(state) : std::nullopt;
  }

  void step(const StepRecord& record) override {
    if (std::exchange(first_, false)) keep_error([&] { time_first(record); });
    progress_->step({record.step, record.samples, record.loss, record.accuracy, record.top});
    note_images_per_second(progress_->images_per_second());
    if (const auto notice = take_notice())
      keep_error([&] { metrics_->event(position(record.step), *notice); });
    epoch_samples_ += static_cast<double>(record.samples);
    if (record.step % kStepsPerRecord != 0) return;
    keep_error([&] {
      std::vector<Metric> metrics{{"loss", record.loss}, {"accuracy", record.accuracy}};
      if (record.top) metrics.push_back({top_accuracy_key(record.top->k), record.top->share});
      metrics.insert(metrics.end(), {{"learning_rate", record.learning_rate},
                                     {"gradient_norm", record.gradient_norm},
                                     {"images_per_second", progress_->images_per_second()}});
      metrics_->step(position(record.step), metrics);
    });
  }

  void epoch(const EpochRecord& record) override {
    const double seconds = steady_seconds() - epoch_began_;
    const double training_seconds = record.training_seconds > 0 ? record.training_seconds : seconds;
    EpochRow row{.at = position(record.step),
                 .loss = record.loss,
                 .accuracy = record.accuracy,
                 .top = record.top,
                 .learning_rate = record.learning_rate,
                 .images_per_second = epoch_samples_ / training_seconds,
                 .seconds = seconds,
                 .read = record.read};
    if (const Evaluation* result = record.validation) {
      row.validation_loss = result->loss;
      row.validation_accuracy = result->accuracy;
      if (!result->top.empty()) row.validation_top = result->top.front();
      if (options_.config.checkpoint.best_by == BestBy::macro_recall)
        row.validation_macro_recall = result->macro_recall;
      keep_error([&] { write_evaluation(row.at, *result); });
    }
    keep_error([&] { metrics_->epoch(row); });
    progress_->epoch(row);
    epoch_began_ = steady_seconds();
    epoch_samples_ = 0;
  }

  void event(const RunState& state, const std::string& text) override {
    keep_error([&] { metrics_->event(position(state.step), text); });
    log_info("{}", text);
  }

  bool checkpoint_due(const RunState& state) const override {
    const CheckpointConfig& config = options_.config.checkpoint;
    const bool by_steps = config.every_steps > 0 && state.step % config.every_steps == 0;
    const bool by_time = config.every_seconds > 0 && steady_seconds() - saved_at_ >= config.every_seconds;
    return by_steps || by_time || completes_epochs(config.every_epochs, state.step, options_.steps_per_epoch);
  }

  void checkpoint(const RunState& state, bool best) override {
    const bool is_new = last_saved_step_ != state.step;
    if (!is_new && !best) return;
    // A step that is the best one and due anyway comes twice: it is written once and then marked. The worker
    // keeps the order in which it is given work.
    const bool noted = !ledger_ || std::exchange(last_noted_step_, state.step) == state.step;
    last_saved_step_ = state.step;
    saved_at_ = steady_seconds();
    give([this, info = info_of(state), is_new, best, noted](const StateView& copy) {
      if (!noted) note(info, copy);
      if (is_new) write(info, copy);
      if (best) store_.mark_best(info.step);
    });
  }

  void ledger(const RunState& state) override {
    if (!ledger_ || std::exchange(last_noted_step_, state.step) == state.step) return;
    give([this, info = info_of(state)](const StateView& copy) { note(info, copy); });
  }

  void finish() override {
    worker_.finish();
    if (failure_) throw Error(*failure_);
  }

  std::optional<Error> failure() override { return failure_ ? failure_ : worker_.failure(); }

 private:
  CheckpointInfo load_named(const std::string& path) {
    rules_.compare_config(read_checkpoint_info(path).config, path);
    rules_.require(path);
    return load_checkpoint(path, options_.replica, options_.optimizer, OtherOptimizer::starts_anew);
  }

  CheckpointInfo info_of(RunState state) const {
    state.improved_by = options_.config.checkpoint.best_by;
    return {.step = state.step,
            .epoch = state.step / options_.steps_per_epoch,
            .step_in_epoch = state.step % options_.steps_per_epoch,
            .seed = options_.config.seed,
            .config = yaml_of_model(options_.config),
            .metrics = to_json(state),
            .program = program_version(),
            .dataset = options_.data_fingerprint,
            .device = options_.replica.kind(),
            .validated_on = options_.validated_on,
            .validation_data = options_.validation_data,
            .numbers = options_.numbers,
            .streams = options_.streams,
            .data = options_.data};
  }

  /// One whose state cannot be understood, although its checksum is right, is passed over like a damaged one.
  std::optional<CheckpointInfo> load_newest() const {
    return store_.load_newest(options_.replica, options_.optimizer, require_sound);
  }

  /// Training goes on as soon as the worker has a copy of the state.
  void give(SnapshotWorker::Work work) {
    const Activity copying(Phase::checkpoint, "copy of the state");  // waits while earlier ones are written
    const double began = steady_seconds();
    worker_.give(view_of(options_.replica, options_.optimizer), std::move(work));
    log_debug("training stood still for {:.1f} ms while its state was copied",
              1e3 * (steady_seconds() - began));
  }

  // What the worker does.
  void write(const CheckpointInfo& info, const StateView& copy) {
    const double began = steady_seconds();
    store_.save(info, options_.replica, copy);
    note_checkpoint(info.step);
    const double seconds = steady_seconds() - began;
    std::error_code gone;  // somebody else removed it: then its size is not worth an error
    log_debug("{}",
              save_note(info.step, std::filesystem::file_size(store_.path_of(info.step), gone), seconds));
  }
  void note(const CheckpointInfo& info, const StateView& copy) {
    const double began = steady_seconds();
    ledger_->append({.step = info.step,
                     .epoch = info.epoch,
                     .step_in_epoch = info.step_in_epoch,
                     .hashes = hash_tensors(options_.replica, copy)});
    log_debug("ledger of step {}: hashed in {:.1f} ms", info.step, 1e3 * (steady_seconds() - began));
  }

  /// Errors of this rank's files wait until all ranks can end with them: the loop asks failure() after every
  /// step. Thrown here they would take rank 0 out of a step that the others are still in.
  template <class Work>
  void keep_error(Work&& work) {
    if (failure_) return;  // one message suffices
    try {
      work();
    } catch (const Error& error) {
      failure_ = error;
    }
  }

  void write_evaluation(MetricPosition at, const Evaluation& result) {
    std::vector<Metric> metrics{{"loss", result.loss}, {"accuracy", result.accuracy}};
    for (const TopAccuracy& top : result.top) metrics.push_back({top_accuracy_key(top.k), top.share});
    metrics.insert(metrics.end(), {{"macro_recall", result.macro_recall},
                                   {"samples", result.samples},
                                   {"index_sum", result.index_sum},
                                   {"index_xor", result.index_xor},
                                   {"each_sample_once", std::uint64_t{result.each_once}}});
    metrics_->evaluation(at, "validation", metrics);
  }

  void claim_directory() {
    EnvironmentFacts facts = facts_of(options_);
    if (directory_.holds_run())
      rules_.compare_config(directory_.stored_config(), directory_.config().string());
    for (const KeyDifference& change : rules_.allowed()) facts.allowed_changes.push_back(to_string(change));
    claim_ = start_run(
        directory_,
        {.config = options_.config.yaml, .environment = facts, .differences = [this](const std::string&) {
           return Refusal{rules_.refused(), rules_.remedy()};
         }});
    io::write_text_file(directory_.data(), signature_json(options_.data));
  }

  void time_first(const StepRecord& record) {
    const double seconds = seconds_since_process_start() - options_.data_seconds;
    metrics_->event(
        position(record.step),
        fmt::format(
            "first step done {:.2f} s after the start of the process, {:.2f} s of opening the data not counted",
            seconds, options_.data_seconds),
        {{"first_step_s", seconds}, {"data_s", options_.data_seconds}});
  }

  MetricPosition position(std::uint64_t step) const {
    return {step, epoch_of(step, options_.steps_per_epoch)};
  }

  std::string new_optimizer_note(const CheckpointInfo& info) const {
    return fmt::format(
        "optimizer.kind = {} starts without what an optimizer remembers of earlier steps: the checkpoint of step {} is of another one",
        word_of(options_.config.optimizer.kind), info.step);
  }

  RunState state_in(const CheckpointInfo& info) const {
    return resumed_state(info, {options_.config, options_.validated_on, options_.validation_data,
                                [this] { return store_.best_info(); }});
  }

  void begin(const RunState& state) {
    open(state);
    event(state, state.step == 0
                     ? "started in " + directory_.path().string()
                     : fmt::format("resumed in {} after step {}", directory_.path().string(), state.step));
    if (!options_.validated_on.empty())
      keep_error([&] {
        metrics_->event(position(state.step), fmt::format("validation is on {}", options_.validated_on));
      });
    for (const KeyDifference& change : rules_.allowed())
      event(state, "a change of the run was allowed: " + to_string(change));
  }

  /// Metrics and progress from this state on.
  void open(const RunState& state) {
    const std::uint64_t total = total_steps(options_.config.epochs, options_.steps_per_epoch);
    note_plan(total, options_.steps_per_epoch);
    note_checkpoint(state.step);
    metrics_.emplace(
        directory_.path().string(),
        MetricsStart{.step = state.step,
                     .steps_per_epoch = options_.steps_per_epoch,
                     .later = later_,
                     // Versions before this one began the sums anew where a run ended within an epoch: then
                     // the row that is there is the only one that tells of its steps.
                     .finishes_epoch = state.step < total && state.epoch_samples > 0});
    store_.rewind(state.step, state.best_step);
    if (options_.config.ledger.every_steps > 0)
      ledger_.emplace(directory_.ledger().string(), state.step, later_);
    progress_.emplace(ProgressOptions{.start_step = state.step,
                                      .total_steps = total,
                                      .steps_per_epoch = options_.steps_per_epoch,
                                      .terminal = detect_terminal()});
  }

  FileRecorderOptions options_;
  RunDirectory directory_;
  std::optional<RunClaim> claim_;
  CheckpointStore store_;
  std::optional<MetricsWriter> metrics_;
  std::optional<Progress> progress_;
  ResumeRules rules_;
  double epoch_began_;
  double saved_at_;
  double epoch_samples_ = 0;
  std::uint64_t last_saved_step_ = 0;
  std::uint64_t last_noted_step_ = 0;       ///< in the ledger
  LaterLines later_ = LaterLines::dropped;  ///< of what is there already
  bool first_ = true;                       ///< no step of this process has been recorded
  std::optional<Error> failure_;
  std::optional<LedgerWriter> ledger_;
  SnapshotWorker worker_;  ///< last: it uses store and ledger
};

}  // namespace

std::unique_ptr<Recorder> make_file_recorder(const FileRecorderOptions& options) {
  return std::make_unique<FileRecorder>(options);
}

}  // namespace annulus::trainer
