// annulus predict: class probabilities for the images of a file.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "io/dataset/row_set.hpp"
#include "io/dataset/writer.hpp"
#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/origin.hpp"
#include "trainer/commands/start_warnings.hpp"
#include "trainer/data_advice.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_names.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/loop/evaluator.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/pixel_scale.hpp"
#include "trainer/validation_split.hpp"

namespace annulus::trainer {
namespace {

struct PredictOptions {
  ModelRequest model;
  std::vector<std::string> inputs;
  std::string output;
  std::string split = "test";
  bool replace = false;
};

/// Writes predictions row by row; the file appears when it is complete.
class PredictionFile {
 public:
  struct Shape {
    std::int64_t samples = 0;
    std::int64_t classes = 0;
    bool labelled = false;
  };

  PredictionFile(const PredictOptions& options, const Shape& shape)
      : target_(options.output, options.replace ? io::Existing::replace : io::Existing::refuse),
        split_(options.split),
        file_(io::Hdf5File::create(target_.partial(), io::Existing::replace)),
        shape_(shape) {
    file_->create_dataset("probabilities", io::ElementType::float32, {shape.samples, shape.classes});
    file_->create_dataset("predictions", io::ElementType::int32, {shape.samples});
    if (shape.labelled) file_->create_dataset("labels", io::ElementType::int32, {shape.samples});
  }

  void append(std::span<const float> probabilities, std::span<const std::int32_t> labels) {
    const auto classes = static_cast<std::size_t>(shape_.classes);
    std::vector<std::int32_t> predictions;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = probabilities.subspan(i * classes, classes);
      predictions.push_back(
          static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
    }
    file_->dataset("probabilities").write_rows(next_, labels.size(), probabilities);
    file_->dataset("predictions")
        .write_rows(next_, labels.size(), std::span<const std::int32_t>(predictions));
    if (shape_.labelled) file_->dataset("labels").write_rows(next_, labels.size(), labels);
    next_ += labels.size();
  }

  /// Copies what says which sample a row is, where the images have it: without it nobody could look the rows
  /// up in other columns of the file. Of a part of a group also the row of each sample in it.
  /// @param rows  which rows of the group were predicted; null: all, one after another
  void carry_over(const std::vector<std::string>& files, const std::string& group, const io::RowSet* rows) {
    carry_over<std::uint64_t>(files, group + "/track", "track", rows);
    carry_over<float>(files, group + "/momentum", "momentum", rows);
    if (rows == nullptr) return;
    std::vector<std::uint64_t> numbers(rows->size());
    for (std::uint64_t i = 0; i < rows->size(); ++i) numbers[i] = rows->row(i);
    file_->write("rows", {shape_.samples}, std::span<const std::uint64_t>(numbers));
    file_->set_attribute("rows", "group", group);
  }

  void finish(const ModelSource& model, const io::SourceInfo& data) {
    file_->set_attribute("/", "schema", "annulus-predictions-1");
    if (const std::vector<std::string> names = output_names(model, data); !names.empty())
      io::set_class_names(*file_, names);
    file_->set_attribute("/", "input", data.name);
    const std::string dataset = files_text(model.config.data);
    file_->set_attribute("/", "dataset", std::filesystem::weakly_canonical(dataset).string());
    file_->set_attribute("/", "split", split_);
    file_->set_attribute("/", "checkpoint", std::filesystem::weakly_canonical(model.checkpoint).string());
    file_->close();
    target_.commit();
  }

 private:
  /// One name per column of probabilities: the model's own. Of a model that was trained without names, and of
  /// one by a version that kept none, only numbers are known, whatever the input calls its classes.
  std::vector<std::string> output_names(const ModelSource& model, const io::SourceInfo& data) const {
    if (!model.data || model.data->classes.empty()) return {};
    std::vector<std::string> names = data.classes;
    for (auto k = static_cast<std::int64_t>(names.size()); k < shape_.classes; ++k)
      names.push_back(fmt::format("output {}", k));
    return names;
  }

  /// @param files  that hold the rows, one after another; one that lacks such a column ends it
  template <class Value>
  void carry_over(const std::vector<std::string>& files, const std::string& from, const std::string& to,
                  const io::RowSet* chosen) {
    const std::uint64_t rows = chosen ? chosen->whole() : static_cast<std::uint64_t>(shape_.samples);
    std::vector<Value> values;
    io::SharedReader reader;
    const std::string group = from.substr(0, from.rfind('/'));
    for (const std::string& path : files) {
      const io::Hdf5File images = files.size() == 1 ? io::Hdf5File::open(path) : reader.open(path);
      if (files.size() > 1 && !images.exists(group)) continue;  // passed over
      if (!append_column(images, from, files.size() == 1 ? rows : 0, values)) return;
    }
    if (values.size() < rows)
      throw DataError("{}, {}: is not one value for each of {} images. Make the file again.", files.front(),
                      from, rows);
    for (std::uint64_t i = 0; chosen != nullptr && i < chosen->size(); ++i)
      values[i] = values[chosen->row(i)];
    values.resize(static_cast<std::size_t>(shape_.samples));
    file_->write(to, {shape_.samples}, std::span<const Value>(values));
  }

  /// @param rows  to be read; 0: all   @return false for no such column, or something else that is called so
  template <class Value>
  static bool append_column(const io::Hdf5File& images, const std::string& from, std::uint64_t rows,
                            std::vector<Value>& values) {
    if (!images.exists(from)) return false;
    const io::Hdf5Dataset source = images.dataset(from);
    const io::StoredType& type = source.info().type;
    const auto kind =
        std::is_floating_point_v<Value> ? io::StoredType::Kind::real : io::StoredType::Kind::unsigned_integer;
    const bool column = source.info().extents.size() == 1 && type.kind == kind && type.bytes == sizeof(Value);
    if (!column) return false;
    const std::uint64_t there = rows == 0 ? source.info().rows() : std::min(rows, source.info().rows());
    const std::size_t before = values.size();
    values.resize(before + there);
    source.read_rows(0, there, std::span<Value>(values).subspan(before));
    return true;
  }

  io::AtomicFile target_;
  std::string split_;
  std::optional<io::Hdf5File> file_;
  Shape shape_;
  std::uint64_t next_ = 0;
};

/// Images to predict often have no labels yet; then none are read.
bool drop_missing_labels(Config& config, const std::string& split) {
  DataConfig& data = config.data;
  const SplitNames names = names_of(config, split);
  if (!names.labels.empty() && names.label_files.empty() &&
      !any_has(image_files(data, names), names.labels)) {
    log_info("{} has no {}: predicting without labels.", files_text(data), names.labels);
    data.labels.clear();
  }
  return !data.labels.empty();
}

/// Whether `--split validation` means the part of its training samples that the run has kept for validation.
bool is_held_out(const Config& config, const std::string& split) {
  return config.data.validation_fraction > 0 && split == kValidationGroup &&
         !any_has(image_files(config.data, names_of(config, Split::train)), split);
}

/// Which of the samples are known to the model, as far as that can be told.
std::string remark_on_training(const Config& config, const std::string& split, const ModelOrigin& origin,
                               const std::string& predicted) {
  if (predicted == origin.training_data)
    return fmt::format(
        "'{}' holds the very samples that the model was trained on: its answers are better there than on new ones.",
        split);
  if (config.data.validation_fraction == 0 || names_of(config, split) != names_of(config, Split::train))
    return "";
  return fmt::format(
      "If this is the file of the training, the model was trained on all of '{}' but the part that was held out (data.validation_fraction = {}). `--split {}` predicts that part alone.",
      split, config.data.validation_fraction, kValidationGroup);
}

ExitCode predict(const PredictOptions& options, Context& context) {
  ModelRequest request = options.model;
  for (std::string& override_text : overrides_for(options.inputs))
    request.overrides.push_back(std::move(override_text));
  ModelSource source = find_model(request, context.mpi);
  warn_of_start(context.mpi.world());
  context.watch = std::make_unique<JobWatch>(source.config.watchdog, context.mpi, context.command_line);
  const bool held_out = is_held_out(source.config, options.split);
  const bool labelled = held_out || drop_missing_labels(source.config, options.split);
  const auto replica = load_replica(source, context.mpi);
  const ModelOrigin origin = origin_of(source, context.mpi.group());
  const TrainedOn model{
      .data = source.data, .allowed = source.allow_change, .labelled = labelled, .has_weights = true};
  const NodeMemoryFactory memory = [&](std::size_t bytes) { return context.mpi.allocate_node_memory(bytes); };
  const auto data = held_out
                        ? open_judged(source.config, options.split, origin.training_data, memory, {}, &model)
                        : open_group(source.config, options.split, memory, {}, &model);
  const std::string predicted =
      require_same_data(data.get(), files_text(source.config.data), context.mpi.group());
  if (const std::string remark = remark_on_training(source.config, options.split, origin, predicted);
      !remark.empty())
    log_info("{}", remark);
  require_same_scale(*data, source.config, model, context.mpi.group());
  const io::Generator generator = evaluation_generator(source.config, data->info());
  Evaluator evaluator(*replica, context.mpi.group(), *data, generator, options_in_file_order(source.config));

  std::unique_ptr<PredictionFile> file;
  on_rank_zero(context.mpi.group(), "output file", [&] {
    file = std::make_unique<PredictionFile>(
        options, PredictionFile::Shape{.samples = static_cast<std::int64_t>(data->info().samples),
                                       .classes = replica->network().classes(),
                                       .labelled = labelled});
  });
  const Evaluation result =
      evaluator.run([&](std::span<const float> probabilities, std::span<const std::int32_t> labels) {
        file->append(probabilities, labels);
      });
  on_rank_zero(context.mpi.group(), "output file", [&] {
    if (const std::string note = doubled_classes(data->info()); !note.empty()) log_warning("{}", note);
    const SplitNames names = names_of(source.config, held_out ? source.config.data.train : options.split);
    file->carry_over(image_files(source.config.data, names), names.group, data->info().rows.get());
    file->finish(source, data->info());
  });
  log_info("{} predictions in {}{}", data->info().samples, options.output,
           labelled ? fmt::format(", accuracy {:.4f}", result.accuracy) : "");
  return ExitCode::done;
}

}  // namespace

void add_predict(Verb& app, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  Verb* verb = app.add_subcommand("predict", "Class probabilities for the images of a file");
  verb->add_option("run", options->model.source,
                   "Run directory, a checkpoint, or a config together with --checkpoint")
      ->required();
  verb->add_option("overrides", options->model.overrides, "key=value");
  verb->add_option("--input", options->inputs,
                   "HDF5 file with images, or several files or patterns that are one data set")
      ->required();
  verb->add_option("--output", options->output, "HDF5 file to write")->required();
  verb->add_option("--split", options->split, "Group of the input file")->capture_default_str();
  add_model_options(*verb, options->model);
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return predict(*options, context); }; });
}

}  // namespace annulus::trainer
