// From the data section of a config to sample sources and generators.
#include "trainer/data_splits.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process_identity.hpp"
#include "base/stable_hash.hpp"
#include "io/augmentation/normalisation.hpp"
#include "io/dataset/dataset.hpp"
#include "io/dataset/matched_source.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/data_advice.hpp"
#include "trainer/data_files.hpp"
#include "trainer/data_names.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/run/resume_rules.hpp"
#include "trainer/validation_split.hpp"

namespace annulus::trainer {
namespace {

/// Images of any size fit where a crop makes those of the network of them.
bool fits_input(const io::SourceInfo& source, const Config& config) {
  const SampleShape& input = config.network.input;
  if (config.augmentation.crop == io::Crop::none) return source.shape == input;
  return !source.shape.flat && source.shape.channels == input.channels;
}

void check_fits(const io::SourceInfo& source, const Config& config, bool trained) {
  const Network& network = config.network;
  if (!fits_input(source, config))
    throw_shape_mismatch(source, network.input, trained ? NetworkState::trained : NetworkState::planned);
  for (std::size_t k = 0; k < network.vectors.size(); ++k) {
    const NamedVector& wanted = network.vectors[k];
    expect_contract(k < source.vectors.size() && source.vectors[k].name == wanted.name,
                    "a source is opened with the network's vectors in their order");
    if (source.vectors[k].length == wanted.length) continue;
    throw UsageError(
        "{} holds {} values per sample for the input {}, but network.inputs gives it {}. Set the length there to [{}], or name another dataset in data.inputs.",
        source.name, source.vectors[k].length, wanted.name, wanted.length, source.vectors[k].length);
  }
  const auto classes = static_cast<std::int64_t>(source.classes.size());
  if (classes > network.classes()) throw_too_many_classes(source, network.classes());
}

/// The datasets of the network's vectors, in their order.
std::vector<io::VectorColumn> vector_columns(const Config& config, const std::string& group) {
  std::vector<io::VectorColumn> columns;
  for (const NamedVector& vector : config.network.vectors)
    columns.push_back({vector.name, in_group(group, config.data.inputs.at(vector.name))});
  return columns;
}

std::string number_list(const std::vector<float>& values) {
  return fmt::format("[{:.9g}]", fmt::join(values, ", "));
}

/// Bytes between two meetings of the ranks: seconds of reading, far from the limit of a wait.
constexpr std::size_t kPieceBytes = std::size_t{1} << 28;

/// Whether a training with this mean and deviation is possible: they may come from a file.
bool is_usable(const io::Normalisation& known, std::size_t channels) {
  return known.mean.size() == channels && known.deviation.size() == channels &&
         std::ranges::all_of(known.mean, [](float value) { return std::isfinite(value); }) &&
         std::ranges::all_of(known.deviation, [](float value) { return std::isfinite(value) && value > 0; });
}

/// Mean and deviation per channel as rank 0 knows or finds them.
io::Normalisation measure_on_rank_zero(io::SampleSource& training, float rescale, comm::ProcessGroup& group,
                                       const io::Normalisation& known) {
  constexpr std::string_view kPurpose = "mean and deviation of the training data";
  const auto channels = static_cast<std::size_t>(training.info().shape.channels);
  const bool is_known = is_usable(known, channels);
  io::FeatureMeasurement measurement(training);
  for (std::uint8_t left = 1; left != 0;) {
    on_rank_zero(group, kPurpose, [&] { left = !is_known && measurement.read(kPieceBytes) ? 1 : 0; });
    group.broadcast(std::as_writable_bytes(std::span(&left, 1)), 0, kPurpose);
  }
  io::Normalisation result;
  result.mean.resize(channels);
  result.deviation.resize(channels);
  if (group.rank() == 0) result = is_known ? known : measurement.result(rescale);
  group.broadcast(std::as_writable_bytes(std::span(result.mean)), 0, kPurpose);
  group.broadcast(std::as_writable_bytes(std::span(result.deviation)), 0, kPurpose);
  return result;
}

bool is_generated(const DataConfig& data, Split split) {
  return !data.generator.empty() && (split == Split::train || !names_files(data));
}

std::unique_ptr<io::SampleSource> generate(const Config& config, Split split, const NodeMemoryFactory& memory,
                                           const SourceFactory& factory) {
  if (!factory)
    throw UsageError(
        "data.generator is {}, but this needs samples from a file. Name one with data.path, and remove data.generator.",
        config.data.generator);
  return factory(config, split, memory);
}

/// A split that is made for `annulus evaluate`.
std::unique_ptr<io::SampleSource> generate_group(const Config& config, const std::string& group,
                                                 const NodeMemoryFactory& memory,
                                                 const SourceFactory& factory) {
  const DataConfig& data = config.data;
  std::unique_ptr<io::SampleSource> source;
  const std::string validation = data.validation.empty() ? kValidationGroup : data.validation;
  if (group == validation) source = generate(config, Split::validation, memory, factory);
  if (group == data.test) source = generate(config, Split::test, memory, factory);
  if (!source)
    throw UsageError(
        "'{}' is not among the samples that data.generator makes and that end. Choose '{}' or '{}', or name a file with data.path.",
        group, validation, data.test);
  return source;
}

io::DatasetOptions dataset_options(const Config& config, const SplitNames& names) {
  const DataConfig& data = config.data;
  check_names(config, names);
  io::DatasetOptions options{.path = data.path,
                             .files = names.files.empty() ? names.files : image_files(data, names),
                             .label_files = label_files(data, names),
                             .images = names.images,
                             .labels = names.labels,
                             .axes = data.axes,
                             .first_label = data.first_label,
                             .vectors = vector_columns(config, names.group),
                             .limit = names == names_of(config, Split::train) ? data.limit : 0,
                             .resident_bytes = data.resident_mb << 20,
                             // Where a window ends, chunks of the next one are there already.
                             .cache_bytes = (data.window_mb << 20) / 4 * 5};
  if (!options.files.empty() && names == names_of(config, Split::train))
    for (const Split other : {Split::validation, Split::test})
      options.look_for.push_back(names_of(config, other).group);
  if (config.debug) options.limit = std::min<std::uint64_t>(options.limit ? options.limit : 1024, 1024);
  return options;
}

/// Labels that a trained model has no output for: not the network is to be changed, as it is before training.
void require_outputs(const io::SourceInfo& source, const Config& config) {
  const std::int64_t outputs = config.network.classes();
  const std::int64_t first = config.data.first_label;
  const auto classes = static_cast<std::int64_t>(source.classes.size());
  if (classes <= outputs) return;
  const bool from_one = first == 0 && source.stored.smallest_label == 1 && classes - 1 == outputs;
  throw DataError(
      "{}: has labels up to {}, but the model has {} outputs, one per class that it was trained on. {}",
      source.name, classes - 1 + first, outputs,
      from_one ? "Label 0 never occurs: if they count from 1, set data.first_label=1."
               : fmt::format("Are these its data, and do labels count from {}?", first));
}

/// As the model takes them, and checked against its network.
std::unique_ptr<io::SampleSource> fitted(std::unique_ptr<io::SampleSource> source, const Config& config,
                                         const TrainedOn* model) {
  if (source == nullptr) return source;
  if (model != nullptr && model->data) {
    io::MatchedSource matched = io::match_source(std::move(source), *model->data,
                                                 {.labelled = model->labelled,
                                                  .classes_by_number = allows(model->allowed, kDataClasses),
                                                  .columns_by_place = allows(model->allowed, kDataColumns),
                                                  .any_form = allows(model->allowed, kDataPixels),
                                                  .outputs = config.network.classes(),
                                                  .first_label = config.data.first_label});
    for (const std::string& note : matched.notes) log_info("{}", note);
    if (model->notes != nullptr) *model->notes = matched.notes;
    source = std::move(matched.source);
  }
  const bool trained = model != nullptr && (model->has_weights || model->data);
  if (trained) require_outputs(source->info(), config);
  check_fits(source->info(), config, trained);
  return source;
}

std::unique_ptr<io::SampleSource> open_names(const Config& config, const SplitNames& names,
                                             const NodeMemoryFactory& memory, const TrainedOn* model) {
  return fitted(io::open_dataset(dataset_options(config, names), memory), config, model);
}

/// With a policy for steps whose numbers are bad, one bad sample need not end the run.
std::unique_ptr<io::SampleSource> open_training_file(const Config& config, const NodeMemoryFactory& memory,
                                                     const TrainedOn* model) {
  io::DatasetOptions options = dataset_options(config, names_of(config, Split::train));
  if (config.anomaly.policy != AnomalyPolicy::stop) options.not_finite = io::NotFinite::keep;
  if (!config.data.weights.empty()) options.weights = in_group(config.data.train, config.data.weights);
  auto source = fitted(io::open_dataset(options, memory), config, model);
  note_odd_training_data(source->info());
  return source;
}

SplitTraining open_parts(const Config& config, const NodeMemoryFactory& memory, const TrainedOn* model) {
  return split_training(
      config, [&] { return open_training_file(config, memory, model); }, memory);
}

/// What classes and columns are called, as a number.
std::string names_text(const io::SourceInfo& info) {
  std::string names = io::joined_names(info.classes);
  for (const std::vector<std::string>& columns : info.columns) names += io::joined_names(columns) + '\n';
  names += io::joined_names(info.value_names);
  return fmt::format(", names {:016x}", stable_hash(names));
}

/// What one rank sees of a split; plain bytes, sent to the others.
struct Sight {
  std::array<char, 64> host{};  ///< ends in '\0', like the next one
  std::array<char, 192> data{};

  Sight() = default;
  explicit Sight(const std::string& fingerprint) {
    host_name().copy(host.data(), host.size() - 1);
    const std::string text = "finds " + (fingerprint.empty() ? "none" : fingerprint);
    text.copy(data.data(), data.size() - 1);
  }
};

}  // namespace

std::unique_ptr<io::SampleSource> open_group(const Config& config, const std::string& group,
                                             const NodeMemoryFactory& memory, const SourceFactory& factory,
                                             const TrainedOn* model) {
  const DataConfig& data = config.data;
  if (!data.generator.empty() && !names_files(data))
    return fitted(generate_group(config, group, memory, factory), config, model);
  return open_names(config, names_of(config, group), memory, model);
}

std::unique_ptr<io::SampleSource> open_split(const Config& config, Split split,
                                             const NodeMemoryFactory& memory, const TrainedOn* model) {
  return open_names(config, names_of(config, split), memory, model);
}

std::unique_ptr<io::SampleSource> open_judged(const Config& config, const std::string& group,
                                              const std::string& trained_on, const NodeMemoryFactory& memory,
                                              const SourceFactory& factory, const TrainedOn* model) {
  const DataConfig& data = config.data;
  const auto whole = [&] { return open_group(config, group, memory, factory, model); };
  const std::vector<std::string> files = data.validation_fraction == 0
                                             ? std::vector<std::string>{}
                                             : image_files(data, names_of(config, Split::train));
  if (data.validation_fraction == 0 || !any_has(files, data.train)) return whole();
  if (!data.weights.empty() && !any_has(files, in_group(data.train, data.weights)))
    return whole();  // other data, which have none
  const bool is_validation = group == kValidationGroup;
  if (!is_validation && names_of(config, group) != names_of(config, Split::train)) return whole();
  SplitTraining parts;
  try {
    parts = open_parts(config, memory, model);
  } catch (const UsageError&) {  // cannot be divided: these are other data
    return whole();
  }
  if (data_fingerprint(*parts.training) != trained_on) return whole();
  return std::move(is_validation ? parts.validation : parts.training);
}

TrainingData open_training_data(const Config& config, const NodeMemoryFactory& memory,
                                const SourceFactory& factory, const TrainedOn* before) {
  const DataConfig& data = config.data;
  // Many files are opened once: what else they have is then known.
  const bool in_many = !data.files.empty() && !is_generated(data, Split::train);
  const auto find_group = [&](const io::RowsOfFiles* files) {
    return is_generated(data, Split::validation) ? std::string() : find_validation_group(config, files);
  };
  std::string group = in_many ? "" : find_group(nullptr);
  if (data.validation_fraction > 0) {
    SplitTraining parts = open_parts(config, memory, before);
    if (in_many) find_group(parts.training->info().files.get());
    return {.training = std::move(parts.training),
            .validation = std::move(parts.validation),
            .validated_on = fmt::format("{} of {}", data.validation_fraction, data.train)};
  }
  TrainingData opened{.training = open_training(config, memory, factory, before), .validated_on = group};
  if (in_many) opened.validated_on = group = find_group(opened.training->info().files.get());
  TrainedOn training{.data = io::signature_of(opened.training->info(), config.normalisation.rescale)};
  if (before != nullptr) training.allowed = before->allowed;
  if (is_generated(data, Split::validation) && data.validation != kNoValidation) {
    opened.validation = fitted(generate(config, Split::validation, memory, factory), config, &training);
    if (opened.validation) opened.validated_on = data.validation.empty() ? kValidationGroup : data.validation;
  }
  if (group.empty()) return opened;
  const bool on_test = data.validation.empty() && group != kValidationGroup;
  const Split judged = on_test ? Split::test : Split::validation;
  check_validates_on_others(config, names_of(config, judged));
  opened.validation = open_split(config, judged, memory, &training);
  return opened;
}

std::unique_ptr<io::SampleSource> open_training(const Config& config, const NodeMemoryFactory& memory,
                                                const SourceFactory& factory, const TrainedOn* before) {
  if (is_generated(config.data, Split::train))
    return fitted(generate(config, Split::train, memory, factory), config, before);
  if (config.data.validation_fraction > 0) return open_parts(config, memory, before).training;
  return open_training_file(config, memory, before);
}

std::unique_ptr<io::SampleSource> fit_to_model(std::unique_ptr<io::SampleSource> source, const Config& config,
                                               const TrainedOn& model) {
  return fitted(std::move(source), config, &model);
}

std::string require_same_data(io::SampleSource* source, const std::string& path, comm::ProcessGroup& group) {
  std::string fingerprint = source == nullptr ? "" : data_fingerprint(*source);
  const Sight mine(fingerprint.empty() ? "" : fingerprint + names_text(source->info()));
  std::vector<Sight> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "comparison of the data");
  const auto other = std::ranges::find_if(all, [&](const Sight& sight) { return sight.data != all[0].data; });
  if (other == all.end()) return fingerprint;
  throw DataError(
      "the ranks do not see the same data in {}: rank 0 on host {} {}, rank {} on host {} {}. Is it a local file of each host? Copy the same one to all of them, or name one that they share.",
      path, all[0].host.data(), all[0].data.data(), other - all.begin(), other->host.data(),
      other->data.data());
}

void require_labels(const Config& config) {
  if (config.data.labels.empty())
    throw UsageError(
        "data.labels is empty, but training and evaluation need labels. Name the label dataset inside the groups of {} (usually data.labels=labels); `annulus predict` works without.",
        files_text(config.data));
}

void resolve_normalisation(Config& config, io::SampleSource& training, comm::ProcessGroup& group,
                           const io::Normalisation& known) {
  io::Normalisation& normalisation = config.normalisation;
  if (normalisation.kind != io::Normalisation::Kind::per_feature || !normalisation.mean.empty()) return;
  const io::Normalisation measured = measure_on_rank_zero(training, normalisation.rescale, group, known);
  config = parse_config(config.yaml, "the resolved configuration",
                        {"normalisation.mean=" + number_list(measured.mean),
                         "normalisation.deviation=" + number_list(measured.deviation)})
               .config;
}

io::Generator training_generator(const Config& config, const io::SourceInfo& source) {
  return {source, config.augmentation, config.normalisation, config.seed};
}

io::Generator evaluation_generator(const Config& config, const io::SourceInfo& source) {
  return {source, io::evaluation_options(config.augmentation), config.normalisation, config.seed};
}

}  // namespace annulus::trainer
