// Assembly of a training: every part is made once, in the order in which the later ones need the earlier.
#include "trainer/training_job.hpp"

#include <fmt/ranges.h>

#include "base/log.hpp"
#include "base/process_time.hpp"
#include "base/vital_signs.hpp"
#include "io/hdf5/process.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/data_advice.hpp"
#include "trainer/data_files.hpp"
#include "trainer/loop/initialise.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/loop/shared_signature.hpp"
#include "trainer/loop/shared_state.hpp"
#include "trainer/model/few_values.hpp"
#include "trainer/model/summary.hpp"
#include "trainer/pixel_scale.hpp"
#include "trainer/run/claim.hpp"
#include "trainer/run/file_recorder.hpp"
#include "trainer/run/resume_rules.hpp"
#include "trainer/sampling.hpp"
#include "trainer/validation_split.hpp"

namespace annulus::trainer {

TrainingJob::TrainingJob(Config config, comm::MpiSession& mpi, const JobOptions& options)
    : config_(std::move(config)), mpi_(mpi), group_(mpi.group()) {
  check_world(config_, group_.size());
  require_labels(config_);
  on_rank_zero(group_, "run directory",  // before the data, which may take long to open and read
               [&] {
                 const RunRequest request{options.run_directory, options.resume, options.allow_change};
                 await_unclaimed(options.run_directory);
                 check_run(config_, request);
                 earlier_ = glance_at_run(request);
               });
  group_.broadcast(std::as_writable_bytes(std::span(&earlier_, 1)), 0, "glance at an earlier start");
  if (earlier_.goes_on == 0) require_statistics(config_);  // a run of an older version may go on
  open_data(options);
  make_parts();
  open_run(options);
  restore(options);
  announce();
}

void TrainingJob::open_data(const JobOptions& options) {
  const Activity opening(Phase::opening_data, files_text(config_.data));
  const io::KeepReaders one_process_a_file;
  const double began = seconds_since_process_start();
  const NodeMemoryFactory memory = [this](std::size_t bytes) { return mpi_.allocate_node_memory(bytes); };
  std::vector<std::string> notes;
  TrainedOn before{.data = stored_data(options),
                   .allowed = options.allow_change,
                   .notes = &notes,
                   .has_weights = earlier_.goes_on != 0};
  // Allowed to be others, the file's own names are the run's from here on.
  if (before.data && allows(options.allow_change, kDataClasses)) before.data->classes.clear();
  TrainingData data = open_training_data(config_, memory, options.sources, &before);
  training_ = std::move(data.training);
  validation_ = std::move(data.validation);
  validated_on_ = data.validated_on;
  announce_validation(config_, validated_on_);
  data_note_ = notes.empty() ? "" : fmt::format(" ({})", fmt::join(notes, " "));
  fingerprint_ = require_same_data(training_.get(), files_text(config_.data), group_);
  require_same_scale(*training_, config_, before, group_);
  data_ = io::signature_of(training_->info(), config_.normalisation.rescale);
  measure_pixels(*training_);
  validation_fingerprint_ = require_same_data(validation_.get(), files_text(config_.data), group_);
  const TrainedOn training{.data = data_, .allowed = options.allow_change};
  if (validation_) require_same_scale(*validation_, config_, training, group_, ScaleOf::training);
  // An endless source is not read for this; its sister that ends has the same pixels.
  if (validation_ && training_->info().endless && !names_files(config_.data)) measure_pixels(*validation_);
  resolve_normalisation(config_, *training_, group_, known_normalisation());
  data_seconds_ = seconds_since_process_start() - began;
}

/// What an earlier start of the run was trained on.
std::optional<io::DataSignature> TrainingJob::stored_data(const JobOptions& options) {
  std::optional<io::DataSignature> stored;
  on_rank_zero(group_, "names in the checkpoint", [&] {
    stored_ = stored_info({options.run_directory, options.resume, options.allow_change});
    if (stored_) stored = stored_->data;
  });
  share_signature(group_, stored);
  return stored;
}

/// What an earlier start has measured of the same data, which takes minutes where they are large.
io::Normalisation TrainingJob::known_normalisation() const {
  if (!stored_ || stored_->dataset != fingerprint_) return {};
  return measured_before(*stored_, config_).value_or(io::Normalisation{});
}

std::uint64_t TrainingJob::total_steps() const {
  return trainer::total_steps(config_.epochs, parts_->sampler().steps_per_epoch());
}

void TrainingJob::measure_pixels(io::SampleSource& source) {
  on_rank_zero(group_, "pixels of the training data",
               [&] { data_.pixels = io::measure_pixels(source, config_.normalisation.rescale); });
  std::optional<io::DataSignature> shared = data_;
  share_signature(group_, shared);
  data_ = *shared;
}

void TrainingJob::make_parts() {
  const Activity compiling(Phase::compiling);
  parts_ = std::make_unique<Assembly>(config_, mpi_, std::move(training_), earlier_);
  if (validation_)
    evaluator_ = std::make_unique<Evaluator>(parts_->replica(), group_, *validation_,
                                             evaluation_generator(config_, validation_->info()),
                                             evaluator_options(config_));
}

void TrainingJob::open_run(const JobOptions& options) {
  recorder_ = make_silent_recorder();
  on_rank_zero(group_, "run directory", [&] {
    recorder_ =
        make_file_recorder({.config = config_,
                            .host = mpi_.world().host,
                            .mpi = mpi_.describe(),
                            .run_directory = options.run_directory,
                            .command_line = options.command_line,
                            .replica = parts_->replica(),
                            .optimizer = parts_->optimizer(),
                            .data_fingerprint = fingerprint_,
                            .validated_on = validated_on_,
                            .validation_data = validation_fingerprint_,
                            .numbers = parts_->numbers(),
                            .streams = static_cast<std::uint64_t>(parts_->sampler().options().streams),
                            .steps_per_epoch = parts_->sampler().steps_per_epoch(),
                            .data_seconds = data_seconds_,
                            .bucket_size = parts_->bucket_size(),
                            .allow_change = options.allow_change,
                            .data = data_,
                            .data_note = data_note_});
  });
  if (!options.fault || options.fault->rank != group_.rank()) return;
  recorder_ = with_fault(std::move(recorder_), *options.fault, options.run_directory);
  hook_ = make_step_hook(*options.fault);
}

void TrainingJob::restore(const JobOptions& options) {
  const Activity restoring(Phase::restoring);
  on_rank_zero(group_, "run directory and checkpoint", [&] {  // from here on they exist for all ranks
    state_ = recorder_->restore(options.resume);
    if (state_.step == 0) initialise(parts_->replica(), config_.seed);
  });
  share_state(group_, {parts_->replica(), parts_->optimizer(), parts_->engine(), state_});
}

void TrainingJob::announce() const {
  const io::SourceInfo& data = parts_->training().info();
  std::int64_t parameters = 0;
  for (const Layer& layer : config_.network.layers) parameters += parameter_count(layer);
  log_info("{}: {} parameters, {} training {} in {}, batch {} = {} shards of {} on {} rank(s)", config_.name,
           parameters, data.samples, data.shape.flat ? "vectors" : "images", data.name, config_.batch.size,
           config_.batch.shards, config_.batch.size / config_.batch.shards, group_.size());
  for (const Layer& layer : config_.network.layers)
    if (layer.left_over.rows + layer.left_over.columns > 0)
      log_info("layer {}: {}, its windows do not divide {} x {} pixels", layer.name,
               to_string(layer.left_over), layer.input.height, layer.input.width);
  log_info("device: {}", parts_->replica().describe());
  if (group_.rank() == 0) {
    if (const auto& draws = parts_->sampler().options().draws; draws != nullptr)
      log_info("{}", describe_draws(config_, parts_->training(), *draws));
    for (const std::string& note : few_values(config_, data.samples)) log_warning("{}", note);
    for (const std::string& note : {doubled_classes(data), nothing_to_learn(config_.network),
                                    evaluation_scale(config_.augmentation, data),
                                    shared_reading(data, parts_->sampler().options(), group_.size())})
      if (!note.empty()) log_warning("{}", note);
  }
  const comm::BucketSize& bucket = parts_->bucket_size();
  if (bucket.origin == comm::BucketSize::Origin::measured)
    log_info("gradients travel in buckets of {:.0f} KB, as measured between the ranks (bucket_kb sets it)",
             static_cast<double>(bucket.bytes) / 1024);
}

bool TrainingJob::uses_gpu() const { return std::string_view(parts_->replica().kind()) == "cuda"; }

Outcome TrainingJob::run() {
  TrainingLoop loop({.config = config_,
                     .group = group_,
                     .replica = parts_->replica(),
                     .optimizer = parts_->optimizer(),
                     .engine = parts_->engine(),
                     .sampler = parts_->sampler(),
                     .loader = parts_->loader(),
                     .validation = evaluator_.get(),
                     .recorder = *recorder_,
                     .state = state_,
                     .hook = hook_.get(),
                     .training = &parts_->training()});
  const Outcome outcome = loop.run();
  const Activity finishing(Phase::finishing);
  group_.barrier("end of training");  // rank 0 has written everything
  return outcome;
}

}  // namespace annulus::trainer
