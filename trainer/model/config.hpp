// A run as plain structs: defaults here, YAML and overrides in config.cpp, everything checked before anything
// starts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/enum_words.hpp"
#include "comm/device/gpu.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "io/augmentation/augmentation.hpp"
#include "io/dataset/image_axes.hpp"
#include "io/dataset/sampling.hpp"
#include "trainer/model/instruction_set.hpp"
#include "trainer/model/loss_options.hpp"
#include "trainer/model/network.hpp"
#include "trainer/model/optimizer_config.hpp"
#include "trainer/model/precision.hpp"
#include "trainer/model/schedule_config.hpp"

namespace annulus::trainer {

struct DataConfig {
  std::string path;                ///< HDF5 file; relative to the working directory
  std::vector<std::string> files;  ///< instead of `path`: files or patterns that together are one data set
  std::vector<std::string> label_files;       ///< of `files`, where images and labels lie apart
  std::vector<std::string> validation_files;  ///< of one split, where it has files of its own
  std::vector<std::string> validation_label_files;
  std::vector<std::string> test_files;
  std::vector<std::string> test_label_files;
  std::string train = "train";     ///< group with `images` and `labels`
  std::string validation;          ///< group; "" = `validation`, or `test` when the file has no such group
  double validation_fraction = 0;  ///< of the training samples, kept for validation; 0 = none
  std::string test = "test";
  std::string images = "images";  ///< names inside the groups
  std::string labels = "labels";
  std::string validation_images;  ///< the same for one group alone; "" = as above
  std::string validation_labels;
  std::string test_images;
  std::string test_labels;
  io::ImageAxes axes = io::ImageAxes::automatic;   ///< order in which the file holds the axes of images
  std::int64_t first_label = 0;                    ///< the number of the first class in the file
  std::map<std::string, std::string> inputs = {};  ///< vector of the network -> its dataset in the groups
  std::string weights;  ///< dataset in the groups with a weight per sample; "" = all 1
  io::Sampling sampling = io::Sampling::uniform;  ///< how often each training sample is drawn in an epoch
  std::vector<float> class_shares;                ///< balanced: of the draws, per class; empty = equal
  std::string generator;  ///< makes the training samples instead of `path`; "" = they are in the file
  std::map<std::string, std::string> rich = {};  ///< options of the generator "rich", as text
  std::uint64_t limit = 0;                       ///< first so many training samples; 0 = all
  std::uint64_t resident_mb = 4096;              ///< keep a split in memory (once per node) up to this size
  std::uint64_t window_mb = 256;                 ///< shuffle window when streaming
  std::int64_t gpu_mb = -1;  ///< cuda: keep the training split on the GPU up to this size; -1 = see docs
  int loader_threads = 1;
  bool shuffle = true;
};

struct BatchConfig {
  std::int64_t size = 128;      ///< B: samples of a step over all ranks, the only batch knob
  std::int64_t shards = 4;      ///< V: divides size; a multiple of the number of ranks
  std::int64_t evaluation = 0;  ///< samples per forward in evaluation; 0 = size / shards
};

enum class Device { automatic, reference, cpu, cuda };

/// What to do when ranks compute other bits from the same numbers.
enum class MixedMachines { refuse, allow };

struct DeviceConfig {
  Device kind = Device::automatic;
  int threads = 0;                           ///< worker threads of a rank; 0 = its share of the cores
  Precision precision = Precision::float32;  ///< cuda
  bool graph = true;                         ///< cuda: capture steps as CUDA graphs
  comm::GpuSharing gpu_sharing = comm::GpuSharing::refuse;  ///< cuda: two ranks on one GPU
  InstructionSet isa = InstructionSet::automatic;           ///< cpu: of all ranks
  MixedMachines mixed = MixedMachines::refuse;
};

/// The figure of a validation that says which model is the best one, and when a training no longer improves.
enum class BestBy { accuracy, loss, macro_recall };

struct CheckpointConfig {
  double every_epochs = 1;       ///< 0 = only at the end
  std::int64_t every_steps = 0;  ///< 0 = off
  double every_seconds = 0;      ///< 0 = off
  int keep_last = 3;
  bool keep_best = true;
  BestBy best_by = BestBy::accuracy;   ///< of the validation; for early stopping too
  std::int64_t keep_every_epochs = 0;  ///< kept for ever: those at the end of every so many epochs; 0 = none
  std::int64_t keep_every_steps = 0;   ///< kept for ever: those of steps that are a multiple; 0 = none
};

/// ledger.jsonl: hashes of the state from time to time, and the comparison of the ranks that goes with them.
struct LedgerConfig {
  std::int64_t every_steps = 100;  ///< beside ends of epochs and checkpoints; 0 = no ledger
};

/// How long a rank may go without a sign of progress before the job is ended.
struct WatchdogConfig {
  bool enabled = true;
  double least_seconds = 30;    ///< a step: at least this, and `factor` times the median of the last ones
  double factor = 10;           ///< validation, checkpoint: times the longest silence seen
  double start_seconds = 600;   ///< everything up to the first steps
  double save_seconds = 300;    ///< validation, checkpoint: at least this
  double silence_seconds = 30;  ///< a rank on another host without a heartbeat
};

struct EarlyStoppingConfig {
  int patience = 0;                  ///< epochs without improvement by checkpoint.best_by; 0 = off
  double minimum_improvement = 0.0;  ///< in units of that figure
};

/// What to do about a step whose loss or gradient is not finite, or whose loss jumps.
enum class AnomalyPolicy {
  stop,      ///< end the run with a diagnosis
  skip,      ///< the step changes nothing, the run goes on
  rollback,  ///< back to the last checkpoint, and past the step when it comes again
};

struct AnomalyConfig {
  AnomalyPolicy policy = AnomalyPolicy::stop;
  double spike_factor = 0;  ///< a mean loss above so many times the median of recent steps; 0 = off
  int spike_window = 64;    ///< good steps whose median that is; at most kMostRecentLosses
  int skip_limit = 5;       ///< skips in a row before the run stops anyway
  int rollback_limit = 3;   ///< rollbacks of a run before it stops anyway; at most kMostRollbacks
  int rollback_steps = 1;   ///< steps to go past after a rollback: the bad one and those before it
};
constexpr int kMostRecentLosses = 256;
constexpr int kMostRollbacks = 32;

/// A whole run. `yaml` is the resolved configuration as text: what config.yaml in the run directory holds and
/// what rank 0 broadcasts.
struct Config {
  std::string name = "run";
  std::uint64_t seed = 1;
  double epochs = 1;
  DataConfig data;
  io::AugmentationOptions augmentation;
  io::Normalisation normalisation;
  Network network;
  LossOptions loss;
  BatchConfig batch;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  DeviceConfig device;
  comm::Reduction reduction = comm::Reduction::tree;
  std::int64_t bucket_kb = 0;  ///< gradient bucket size; 0 = measured between GPUs, 1024 between hosts
  CheckpointConfig checkpoint;
  LedgerConfig ledger;
  EarlyStoppingConfig early_stopping;
  AnomalyConfig anomaly;
  WatchdogConfig watchdog;
  bool debug = false;
  std::string yaml;
};

/// Where a resolved value came from, for --print-config.
struct Origin {
  std::string key;  ///< "optimizer.momentum"
  std::string value;
  std::string origin;  ///< "default", "configs/cifar10.yaml:12" or "command line"
};

struct LoadedConfig {
  Config config;
  std::vector<Origin> origins;
};

/// A configuration file as text. @throws UsageError when it cannot be read
std::string read_config_text(const std::string& path);

/// Reads a YAML file, which may be the config.yaml of a run directory, and applies `key=value` overrides.
/// @throws UsageError with file, line, key, reason and suggestion (unknown keys, types, ranges, shapes)
LoadedConfig load_config(const std::string& path, const std::vector<std::string>& overrides = {});

/// The same from text; `source` names it in messages.
LoadedConfig parse_config(const std::string& yaml, const std::string& source,
                          const std::vector<std::string>& overrides = {});

/// The same from the copy that the program made for a run directory or a checkpoint. It holds every key: what
/// has no effect in it (older versions allowed that) is not refused but taken as not given; so is
/// `data.validation: validation`, which older versions wrote where nothing was given.
LoadedConfig parse_stored_config(const std::string& yaml, const std::string& source,
                                 const std::vector<std::string>& overrides = {});

/// Every key with its resolved value as YAML, in the order of Config::yaml; two configurations are equal when
/// these are. `origin` is empty.
std::vector<Origin> config_values(const Config& config);

/// A key that two configurations do not agree on.
struct KeyDifference {
  std::string key;
  std::string one;  ///< empty: it is not there
  std::string other;
};
/// "batch.size: 64 there, 128 now"
std::string to_string(const KeyDifference& difference);

/// Keys that differ between two configurations and change the numbers that training computes: network, batch,
/// seed, optimizer, schedule, data, augmentation, normalisation, loss, reduction. Free to differ are names,
/// threads, device (but for its precision), buckets, evaluation, checkpoint policy, early stopping, what to
/// do about anomalies, watchdog, debug, the folder of the data file, and `epochs` when the schedule does not
/// depend on it. For resuming a run.
std::vector<KeyDifference> numeric_differences(const Config& one, const Config& other);

/// Checks that need the number of ranks. @throws UsageError with the numbers that would work
void check_world(const Config& config, int ranks);

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::Device> {
  static constexpr std::array kWords{"auto", "reference", "cpu", "cuda"};
};

template <>
struct annulus::EnumWords<annulus::trainer::BestBy> {
  static constexpr std::array kWords{"accuracy", "loss", "macro_recall"};
};

template <>
struct annulus::EnumWords<annulus::trainer::MixedMachines> {
  static constexpr std::array kWords{"refuse", "allow"};
};

template <>
struct annulus::EnumWords<annulus::trainer::AnomalyPolicy> {
  static constexpr std::array kWords{"stop", "skip", "rollback"};
};
