// annulus predict: class probabilities for the images of a file.
#include <algorithm>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "io/hdf5/file.hpp"
#include "io/pictures/picture_files.hpp"
#include "io/pictures/picture_source.hpp"
#include "trainer/commands/common/context.hpp"
#include "trainer/commands/common/load.hpp"
#include "trainer/commands/origin.hpp"
#include "trainer/commands/predictions.hpp"
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
  std::vector<std::string> input;
  std::string output;
  std::string split = "test";
  std::vector<std::int64_t> resize;
  std::string fit;
  bool replace = false;
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

/// @throws UsageError for a mixture
bool are_pictures(const PredictOptions& options) {
  const bool pictures = io::means_pictures(options.input.front());
  if (!std::ranges::all_of(options.input,
                           [&](const std::string& path) { return io::means_pictures(path) == pictures; }))
    throw UsageError(
        "--input is given {} times, for pictures (or folders and lists of them) and for HDF5 files. Predict the two one after the other.",
        options.input.size());
  if (!pictures && (!options.fit.empty() || !options.resize.empty()))
    throw UsageError("--fit and --resize are for pictures, and {} is none.", options.input.front());
  return pictures;
}

/// Pictures on the rank's own disk; the listing is compared over the ranks with the samples.
std::unique_ptr<io::SampleSource> open_pictures(const PredictOptions& options, const Config& config,
                                                const std::vector<std::string>& files,
                                                const TrainedOn& model) {
  if (config.augmentation.crop != io::Crop::none && options.resize.empty())
    throw UsageError(
        "the model takes the middle out of larger images (augmentation.crop). Say to which size pictures are brought before that, as the training images were: --resize 256x256.");
  SampleShape shape = config.network.input;
  if (shape.flat || (shape.channels != 1 && shape.channels != 3) || !config.network.vectors.empty())
    throw UsageError(
        "the model does not take pictures alone: its inputs are {}. Give it an HDF5 file with them.",
        config.network.vectors.empty() ? fmt::format("{} values or channels", shape.channels)
                                       : "an image and further numbers");
  if (!options.resize.empty()) {
    shape.height = options.resize[0];
    shape.width = options.resize[1];
  }
  std::optional<io::Fit> fit = enum_of<io::Fit>(options.fit);
  if (!fit && !options.resize.empty()) fit = io::Fit::stretch;
  return fit_to_model(io::make_picture_source({.name = options.input.front(),
                                               .files = files,
                                               .shape = shape,
                                               .fit = fit,
                                               .threads = config.data.loader_threads}),
                      config, model);
}

/// What is predicted, opened and as the model takes it.
struct Input {
  std::unique_ptr<io::SampleSource> data;
  PredictionTask task;
  std::string remark;  ///< on samples that the model was trained on
};

Input open_input(const PredictOptions& options, ModelSource& source, comm::MpiSession& mpi) {
  Input input;
  input.task.output = options.output;
  input.task.existing = options.replace ? io::Existing::replace : io::Existing::refuse;
  const bool pictures = are_pictures(options);
  const bool held_out = !pictures && is_held_out(source.config, options.split);
  input.task.labelled = held_out || (!pictures && drop_missing_labels(source.config, options.split));
  const TrainedOn model{.data = source.data,
                        .allowed = source.allow_change,
                        .labelled = input.task.labelled,
                        .has_weights = true};
  const ModelOrigin origin = origin_of(source, mpi.group());
  const NodeMemoryFactory memory = [&](std::size_t bytes) { return mpi.allocate_node_memory(bytes); };
  if (pictures) {
    input.task.pictures = io::picture_files(options.input);
    input.data = open_pictures(options, source.config, input.task.pictures, model);
  } else {
    input.task.split = options.split;
    const SplitNames names = names_of(source.config, held_out ? source.config.data.train : options.split);
    input.task.files = image_files(source.config.data, names);
    input.task.columns = names.group;
    input.data = held_out
                     ? open_judged(source.config, options.split, origin.training_data, memory, {}, &model)
                     : open_group(source.config, options.split, memory, {}, &model);
  }
  const std::string place = pictures ? options.input.front() : files_text(source.config.data);
  const std::string predicted = require_same_data(input.data.get(), place, mpi.group());
  if (!pictures) input.remark = remark_on_training(source.config, options.split, origin, predicted);
  require_same_scale(*input.data, source.config, model, mpi.group());
  return input;
}

ExitCode predict(const PredictOptions& options, Context& context) {
  ModelRequest request = options.model;
  if (!are_pictures(options))
    for (std::string& text : overrides_for(options.input)) request.overrides.push_back(std::move(text));
  ModelSource source = find_model(request, context.mpi);
  warn_of_start(context.mpi.world());
  context.watch = std::make_unique<JobWatch>(source.config.watchdog, context.mpi, context.command_line);
  const auto replica = load_replica(source, context.mpi);
  const Input input = open_input(options, source, context.mpi);
  if (!input.remark.empty()) log_info("{}", input.remark);
  io::SampleSource& data = *input.data;
  const io::Generator generator = evaluation_generator(source.config, data.info());
  Evaluator evaluator(*replica, context.mpi.group(), data, generator, options_in_file_order(source.config));

  std::unique_ptr<Predictions> predictions;
  on_rank_zero(context.mpi.group(), "output file", [&] {
    predictions = make_predictions(input.task, source, data.info(), replica->network().classes());
  });
  const Evaluation result =
      evaluator.run([&](std::span<const float> probabilities, std::span<const std::int32_t> labels) {
        predictions->append(probabilities, labels);
      });
  on_rank_zero(context.mpi.group(), "output file", [&] {
    if (const std::string note = doubled_classes(data.info()); !note.empty()) log_warning("{}", note);
    predictions->finish();
  });
  const std::string accuracy = input.task.labelled ? fmt::format(", accuracy {:.4f}", result.accuracy) : "";
  if (!options.output.empty())
    log_info("{} predictions in {}{}", data.info().samples, options.output, accuracy);
  return ExitCode::done;
}

}  // namespace

void add_predict(Verb& app, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  Verb* verb = app.add_subcommand("predict", "Class probabilities for the images of a file, or for pictures");
  verb->add_option("run", options->model.source,
                   "Run directory, a checkpoint, or a config together with --checkpoint")
      ->required();
  verb->add_option("overrides", options->model.overrides, "key=value");
  verb->add_option(
          "--input", options->input,
          "HDF5 file with images, or a pattern of files; or a picture, a folder of pictures, or a list of their "
          "paths (.txt). Also several times")
      ->required()
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  verb->add_option("--output", options->output,
                   "File to write: .csv, .txt, else HDF5. Without it the likeliest classes are printed");
  verb->add_option("--split", options->split, "Group of the input file")->capture_default_str();
  verb->add_option(
          "--fit", options->fit,
          "Bring pictures to the model's size: middle part (crop), black margins (pad), out of shape")
      ->one_of(words_list<io::Fit>());
  verb->add_option("--resize", options->resize,
                   "HEIGHTxWIDTH: to this size instead, as the training images were")
      ->expected(2)
      ->delimiter('x')
      ->allow_extra_args(false);
  add_model_options(*verb, options->model);
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return predict(*options, context); }; });
}

}  // namespace annulus::trainer
