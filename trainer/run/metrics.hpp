// The figures of a run on disk, for people (metrics.csv), programs (metrics.jsonl) and TensorBoard. Rank 0
// writes.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "io/dataset/read_counts.hpp"
#include "io/files/event_writer.hpp"
#include "trainer/model/top_k.hpp"
#include "trainer/run/step_lines.hpp"

namespace annulus::trainer {

/// One figure. Whole numbers stay exact in JSON (sums of sample numbers do not fit a double) and do not go to
/// TensorBoard.
struct Metric {
  std::string name;  ///< key in JSON, last part of the tag in TensorBoard
  std::variant<double, std::uint64_t> value;
};

/// Where in the run a figure belongs.
struct MetricPosition {
  std::uint64_t step = 0;   ///< finished steps since the start of the run
  std::uint64_t epoch = 1;  ///< that the step belongs to, counted from 1
};

/// A row of metrics.csv.
struct EpochRow {
  MetricPosition at;
  double loss = 0;  ///< mean over the epoch's training samples
  double accuracy = 0;
  std::optional<TopAccuracy> top = {};  ///< with metrics.top_k; no column, like the one of validation
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  std::optional<TopAccuracy> validation_top = {};
  std::optional<double> validation_macro_recall = {};  ///< shown where it chooses the model; not a column
  double learning_rate = 0;
  double images_per_second = 0;  ///< of training alone: validation, saving and restoring do not count
  double seconds = 0;            ///< of the epoch, evaluation included
  std::optional<io::ReadCounts> read = {};  ///< of streamed training data, over all ranks; not columns
};

/// From where the files of a run go on.
struct MetricsStart {
  std::uint64_t step = 0;  ///< finished steps; 0: a new run
  std::uint64_t steps_per_epoch = 1;
  LaterLines later = LaterLines::dropped;
  /// Of a run that ended in the midst of an epoch and goes on: the row of that part comes again, of the
  /// whole.
  bool finishes_epoch = false;
};

/// Every record is flushed, so a reader sees a running job. Lines of metrics.jsonl are objects with `kind`
/// (step, epoch, evaluation, event), `step`, `epoch` (from 1), `time` (seconds since 1970) and the figures;
/// NaN and Inf are null. TensorBoard tags: train/..., epoch/..., and SPLIT/... for evaluations.
class MetricsWriter {
 public:
  /// Opens the files in `run_directory`, without whatever they say about steps after the start. Those of an
  /// older version get this one's count of epochs (trainer/run/epoch_count.hpp).
  /// @throws RuntimeError when they cannot be written
  MetricsWriter(const std::string& run_directory, const MetricsStart& start);
  MetricsWriter(const std::string& run_directory, std::uint64_t start_step, std::uint64_t steps_per_epoch)
      : MetricsWriter(run_directory, {.step = start_step, .steps_per_epoch = steps_per_epoch}) {}

  void step(MetricPosition at, const std::vector<Metric>& metrics);
  void evaluation(MetricPosition at, const std::string& split, const std::vector<Metric>& metrics);
  /// After the evaluation of the epoch, if there is one.
  void epoch(const EpochRow& row);
  /// Something that happened: started, resumed, stopped early, ... @param metrics  figures that go with it
  void event(MetricPosition at, const std::string& text, const std::vector<Metric>& metrics = {});

 private:
  void draw(MetricPosition at, const std::string& group, const std::vector<Metric>& metrics);

  std::string json_path_;
  std::string csv_path_;
  std::ofstream json_;
  std::ofstream csv_;
  io::EventWriter events_;
};

}  // namespace annulus::trainer
