// The list of keys, group by group. docs/configuration.md explains each; a test compares the two.
#include "trainer/model/config_fields.hpp"

#include <fmt/format.h>

namespace annulus::trainer {
namespace {

using Ends = Limits::Ends;

constexpr double kMany = 1e9;  ///< more epochs, steps, seconds or megabytes than any run has
constexpr Limits kFraction{0, 1, Ends::high_open};
constexpr Limits kPositive{0, std::numeric_limits<double>::infinity(), Ends::low_open};

void describe(Fields& fields, DataConfig& data) {
  fields.begin("data");
  fields.text("path", data.path);
  fields.texts("files", data.files);
  fields.texts("label_files", data.label_files);
  fields.texts("validation_files", data.validation_files);
  fields.texts("validation_label_files", data.validation_label_files);
  fields.texts("test_files", data.test_files);
  fields.texts("test_label_files", data.test_label_files);
  fields.text("train", data.train);
  fields.text("validation", data.validation);
  fields.number("validation_fraction", data.validation_fraction, kFraction);
  fields.text("test", data.test);
  fields.text("images", data.images);
  fields.text("labels", data.labels);
  fields.text("validation_images", data.validation_images);
  fields.text("validation_labels", data.validation_labels);
  fields.text("test_images", data.test_images);
  fields.text("test_labels", data.test_labels);
  fields.choice("axes", data.axes);
  fields.integer("first_label", data.first_label, {0, 1e6});
  fields.names("inputs", data.inputs);
  fields.text("weights", data.weights);
  fields.choice("sampling", data.sampling);
  fields.numbers("class_shares", data.class_shares, {0, 1e9});
  fields.text("generator", data.generator);
  fields.names("rich", data.rich);
  fields.integer("limit", data.limit, {0, 1e15});
  fields.integer("resident_mb", data.resident_mb, {0, kMany});
  fields.integer("window_mb", data.window_mb, {1, kMany});
  fields.integer("gpu_mb", data.gpu_mb, {-1, kMany});
  fields.integer("loader_threads", data.loader_threads, {1, 256});
  fields.flag("shuffle", data.shuffle);
  fields.end();
}

void describe(Fields& fields, const char* key, io::ShiftRange& range) {
  const Limits limits{0, 32768};
  fields.visit(key, AmountValue{range.amount, range.continuous, range.choices, range.count, limits});
  if (fields.reading() && range.amount < 1) range.continuous = false;  // a fraction in any case
}

void describe(Fields& fields, io::AugmentationOptions& options) {
  fields.begin("augmentation");
  fields.number("rotation_range", options.rotation_range, {0, 180});
  describe(fields, "width_shift_range", options.width_shift_range);
  describe(fields, "height_shift_range", options.height_shift_range);
  fields.number("shear_range", options.shear_range, {0, 80});
  fields.interval("zoom_range", options.zoom_low, options.zoom_high, IntervalForm::around_one);
  fields.flag("horizontal_flip", options.horizontal_flip);
  fields.flag("vertical_flip", options.vertical_flip);
  fields.flag("alternating_flip", options.alternating_flip);
  fields.interval("brightness_range", options.brightness_low, options.brightness_high,
                  IntervalForm::pair_only);
  fields.number("channel_shift_range", options.channel_shift_range, {0, 1e6});
  fields.choice("channel_shift_clip", options.channel_shift_clip);
  fields.choice("fill_mode", options.fill_mode);
  fields.number("constant_value", options.constant_value, {-1e6, 1e6});
  fields.integer("crop_padding", options.crop_padding, {0, 32768});
  fields.choice("crop_fill_mode", options.crop_fill_mode);
  fields.integer("cutout_size", options.cutout_size, {0, 32768});
  fields.choice("crop", options.crop);
  fields.interval("crop_scale", options.crop_scale_low, options.crop_scale_high, IntervalForm::pair_only);
  fields.interval("crop_ratio", options.crop_ratio_low, options.crop_ratio_high, IntervalForm::pair_only);
  fields.integer("crop_resize", options.crop_resize, {0, 32768});
  fields.number("mixup", options.mixup, {0, io::kMostMixup});
  fields.end();
}

void describe(Fields& fields, io::Normalisation& normalisation) {
  fields.begin("normalisation");
  fields.choice("kind", normalisation.kind);
  fields.number("rescale", normalisation.rescale, kPositive);
  fields.numbers("mean", normalisation.mean, {-1e9, 1e9});
  fields.numbers("deviation", normalisation.deviation, kPositive);
  fields.end();
}

void describe(Fields& fields, LossOptions& loss) {
  fields.begin("loss");
  fields.number("label_smoothing", loss.label_smoothing, kFraction);
  fields.flag("smooth_validation", loss.smooth_validation);
  fields.numbers("class_weights", loss.class_weights, {0, 1e9});
  fields.end();
}

/// What is measured beside loss and accuracy. Of the loss options, since backends count it with the loss.
void describe_metrics(Fields& fields, LossOptions& loss) {
  fields.begin("metrics");
  fields.integer("top_k", loss.top_k, {0, 1e6});
  fields.end();
}

void describe(Fields& fields, BatchConfig& batch) {
  fields.begin("batch");
  fields.integer("size", batch.size, {1, kMany});
  fields.integer("shards", batch.shards, {1, 65536});
  fields.integer("evaluation", batch.evaluation, {0, kMany});
  fields.end();
}

void describe(Fields& fields, OptimizerConfig& optimizer) {
  fields.begin("optimizer");
  fields.choice("kind", optimizer.kind);
  if (fields.reading()) optimizer.beta2 = default_beta2(optimizer.kind);
  fields.number("learning_rate", optimizer.learning_rate, kPositive);
  fields.number("momentum", optimizer.momentum, kFraction);
  fields.flag("nesterov", optimizer.nesterov);
  fields.number("beta1", optimizer.beta1, kFraction);
  fields.number("beta2", optimizer.beta2, kFraction);
  fields.number("epsilon", optimizer.epsilon, kPositive);
  fields.number("rho", optimizer.rho, kFraction);
  fields.flag("centered", optimizer.centered);
  fields.number("weight_decay", optimizer.weight_decay, {0, 1e3});
  fields.number("trust_coefficient", optimizer.trust_coefficient, kPositive);
  fields.number("clip_norm", optimizer.clip_norm, {});
  fields.end();
}

void describe(Fields& fields, ScheduleConfig& schedule) {
  fields.begin("schedule");
  fields.choice("kind", schedule.kind);
  fields.number("warmup_epochs", schedule.warmup_epochs, {0, kMany});
  fields.number("step_epochs", schedule.step_epochs, {0, kMany, Ends::low_open});
  fields.number("gamma", schedule.gamma, {0, 1, Ends::low_open});
  fields.number("final_fraction", schedule.final_fraction, {0, 1});
  fields.number("start_fraction", schedule.start_fraction, {0, 1});
  fields.number("peak", schedule.peak, kFraction);
  fields.end();
}

void describe(Fields& fields, DeviceConfig& device) {
  fields.begin("device");
  fields.choice("kind", device.kind);
  fields.integer("threads", device.threads, {0, 1024});
  fields.choice("precision", device.precision);
  fields.flag("graph", device.graph);
  fields.choice("gpu_sharing", device.gpu_sharing);
  fields.choice("isa", device.isa);
  fields.choice("mixed", device.mixed);
  fields.end();
}

void describe(Fields& fields, CheckpointConfig& checkpoint) {
  fields.begin("checkpoint");
  fields.number("every_epochs", checkpoint.every_epochs, {0, kMany});
  fields.integer("every_steps", checkpoint.every_steps, {0, 1e15});
  fields.number("every_seconds", checkpoint.every_seconds, {0, kMany});
  fields.integer("keep_last", checkpoint.keep_last, {1, 1e6});
  fields.flag("keep_best", checkpoint.keep_best);
  fields.choice("best_by", checkpoint.best_by);
  fields.integer("keep_every_epochs", checkpoint.keep_every_epochs, {0, kMany});
  fields.integer("keep_every_steps", checkpoint.keep_every_steps, {0, 1e15});
  fields.end();
}

void describe(Fields& fields, LedgerConfig& ledger) {
  fields.begin("ledger");
  fields.integer("every_steps", ledger.every_steps, {0, 1e15});
  fields.end();
}

void describe(Fields& fields, EarlyStoppingConfig& early_stopping) {
  fields.begin("early_stopping");
  fields.integer("patience", early_stopping.patience, {0, kMany});
  fields.number("minimum_improvement", early_stopping.minimum_improvement, {0, 1e9});
  fields.end();
}

void describe(Fields& fields, AnomalyConfig& anomaly) {
  fields.begin("anomaly");
  fields.choice("policy", anomaly.policy);
  fields.number("spike_factor", anomaly.spike_factor, {0, kMany});
  fields.integer("spike_window", anomaly.spike_window, {1, kMostRecentLosses});
  fields.integer("skip_limit", anomaly.skip_limit, {1, kMany});
  fields.integer("rollback_limit", anomaly.rollback_limit, {1, kMostRollbacks});
  fields.integer("rollback_steps", anomaly.rollback_steps, {1, kMany});
  fields.end();
}

void describe(Fields& fields, WatchdogConfig& watchdog) {
  fields.begin("watchdog");
  fields.flag("enabled", watchdog.enabled);
  fields.number("least_seconds", watchdog.least_seconds, {1, kMany});
  fields.number("factor", watchdog.factor, {2, kMany});
  fields.number("start_seconds", watchdog.start_seconds, {1, kMany});
  fields.number("save_seconds", watchdog.save_seconds, {1, kMany});
  fields.number("silence_seconds", watchdog.silence_seconds, {5, kMany});
  fields.end();
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.text("name", config.name);
  fields.integer("seed", config.seed, {0, 9007199254740992.0});  // 2^53: exact in every YAML and JSON reader
  fields.number("epochs", config.epochs, {0, 1e6, Ends::low_open});
  describe(fields, config.data);
  describe(fields, config.augmentation);
  describe(fields, config.normalisation);
  fields.network(config.network);
  describe(fields, config.loss);
  describe_metrics(fields, config.loss);
  describe(fields, config.batch);
  describe(fields, config.optimizer);
  describe(fields, config.schedule);
  describe(fields, config.device);
  fields.choice("reduction", config.reduction);
  fields.integer("bucket_kb", config.bucket_kb, {0, 1e6});
  describe(fields, config.checkpoint);
  describe(fields, config.ledger);
  describe(fields, config.early_stopping);
  describe(fields, config.anomaly);
  describe(fields, config.watchdog);
  fields.flag("debug", config.debug);
}

}  // namespace annulus::trainer
