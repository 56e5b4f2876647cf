// Each check names the keys, why they clash and what would work.
#include "trainer/model/config_checks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "trainer/model/idle_keys.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

struct Checked {
  const Config& config;
  const Places& places;
  const std::string& source;

  /// Where the first of these keys that was given stands.
  std::string place(std::initializer_list<const char*> keys) const {
    for (const char* key : keys) {
      const auto found = places.find(key);
      if (found != places.end()) return found->second;
    }
    return source;
  }
};

constexpr std::size_t kOffers = 4;

/// The divisors of `size` nearest to `wanted`.
std::vector<std::int64_t> divisors_near(std::int64_t size, std::int64_t wanted) {
  std::vector<std::int64_t> divisors;
  for (std::int64_t low = 1; low * low <= size; ++low) {
    if (size % low != 0) continue;
    divisors.push_back(low);
    if (low * low != size) divisors.push_back(size / low);
  }
  std::stable_sort(divisors.begin(), divisors.end(), [wanted](std::int64_t one, std::int64_t other) {
    return std::abs(one - wanted) < std::abs(other - wanted);
  });
  if (divisors.size() > kOffers) divisors.resize(kOffers);
  std::sort(divisors.begin(), divisors.end());
  return divisors;
}

void check_name(const Checked& checked) {
  const std::string& name = checked.config.name;
  const bool bad = name.size() > 100 || name[0] == '.' || name.find('/') != std::string::npos;
  if (!bad) return;
  throw UsageError(
      "{}: name is \"{}\", but it becomes a folder under runs/: at most 100 letters, no slash, no dot in front.",
      checked.place({"name"}), name.substr(0, 100));
}

void check_batch(const Checked& checked) {
  const BatchConfig& batch = checked.config.batch;
  if (batch.size % batch.shards == 0) return;
  const std::int64_t below = batch.size / batch.shards * batch.shards;
  const std::string sizes =
      below == 0 ? fmt::format("{}", batch.shards) : fmt::format("{} or {}", below, below + batch.shards);
  throw UsageError(
      "{}: batch.size = {} does not divide into batch.shards = {} equal shards (every shard is one pass of the same shape). Try batch.size = {}, or batch.shards = {}.",
      checked.place({"batch.size", "batch.shards"}), batch.size, batch.shards, sizes,
      fmt::join(divisors_near(batch.size, batch.shards), ", "));
}

void check_loss(const Checked& checked) {
  const std::vector<float>& weights = checked.config.loss.class_weights;
  if (weights.empty()) return;
  const std::int64_t classes = checked.config.network.classes();
  if (!class_weights_fit(checked.config.loss, classes)) {
    throw UsageError(
        "{}: loss.class_weights has {} values, but the network puts out {} classes. Give one weight per class.",
        checked.place({"loss.class_weights"}), weights.size(), classes);
  }
  if (std::all_of(weights.begin(), weights.end(), [](float weight) { return weight == 0; })) {
    throw UsageError(
        "{}: loss.class_weights are all zero, so nothing would be learned. Give at least one class a weight above zero.",
        checked.place({"loss.class_weights"}));
  }
}

void check_metrics(const Checked& checked) {
  const int k = checked.config.loss.top_k;
  const std::int64_t classes = checked.config.network.classes();
  if (k < classes) return;
  throw UsageError(
      "{}: metrics.top_k = {}, but the network puts out {} classes: every label is among the {} largest of them, so it would always be 1. {}",
      checked.place({"metrics.top_k"}), k, classes, k,
      classes > 2 ? fmt::format("Choose 2 to {}, or 0 for none.", classes - 1) : "Choose 0 for none.");
}

/// Vectors of the network and datasets of data.inputs belong together one by one.
void check_inputs(const Checked& checked) {
  const std::map<std::string, std::string>& datasets = checked.config.data.inputs;
  const std::vector<NamedVector>& vectors = checked.config.network.vectors;
  for (const NamedVector& vector : vectors) {
    if (datasets.contains(vector.name)) continue;
    throw UsageError(
        "{}: the network has an input {} of {} values, but data.inputs does not say which dataset holds them. Add it, e.g. data.inputs: {{{}: track_features}}.",
        checked.place({"network.inputs"}), vector.name, vector.length, vector.name);
  }
  for (const auto& [name, dataset] : datasets) {
    if (std::any_of(vectors.begin(), vectors.end(),
                    [&wanted = name](const auto& vector) { return vector.name == wanted; }))
      continue;
    throw UsageError(
        "{}: data.inputs names the dataset {} for an input {}, which the network does not have. Add it to network.inputs with its length, or remove it here.",
        checked.place({"data.inputs"}), dataset, name);
  }
}

/// Files of labels go with files of images.
void check_label_files(const Checked& checked, const std::string& files_key,
                       const std::vector<std::string>& files, const std::vector<std::string>& label_files) {
  const std::size_t dot = files_key.rfind("files");
  const std::string label_key = files_key.substr(0, dot) + "label_files";
  if (label_files.empty()) return;
  if (files.empty())
    throw UsageError(
        "{}: {} names the files that hold the labels of those in {}, which names none. Name both, in the same order; where one file holds images and labels, leave {} out.",
        checked.place({label_key.c_str()}), label_key, files_key, label_key);
  if (checked.config.data.labels.empty())
    throw UsageError(
        "{}: {} names files of labels, but data.labels is empty: there are none. Remove one of the two.",
        checked.place({label_key.c_str()}), label_key);
}

void check_files(const Checked& checked) {
  const DataConfig& data = checked.config.data;
  if (!data.path.empty() && !data.files.empty())
    throw UsageError(
        "{}: data.path and data.files both say where the samples lie. Keep one of them: data.path for one file, data.files for several; data.files=null (or data.path=null) on the command line takes away what the configuration has.",
        checked.place({"data.files", "data.path"}));
  check_label_files(checked, "data.files", data.files, data.label_files);
  check_label_files(checked, "data.validation_files", data.validation_files, data.validation_label_files);
  check_label_files(checked, "data.test_files", data.test_files, data.test_label_files);
  if (data.validation_files.empty()) return;
  const bool none = data.validation == "none";
  if (data.validation_fraction == 0 && !none) return;
  throw UsageError(
      "{}: data.validation_files names files to validate on, and {}. Keep one of the two.",
      checked.place({"data.validation_files"}),
      none ? std::string("data.validation is none")
           : fmt::format("data.validation_fraction = {} takes a part of the training samples for it",
                         data.validation_fraction));
}

void check_generator(const Checked& checked) {
  const DataConfig& data = checked.config.data;
  if (data.generator.empty() && !data.rich.empty())
    throw UsageError(
        "{}: data.rich sets up simulated training samples, but nothing asks for them. Add data.generator: rich, or remove it.",
        checked.place({"data.rich"}));
  if (!data.generator.empty() && data.validation_fraction > 0)
    throw UsageError(
        "{}: data.validation_fraction = {} keeps a part of the training samples of a file, but they are made by data.generator. Remove it: samples for validation are made as well, or come from data.path.",
        checked.place({"data.validation_fraction"}), data.validation_fraction);
  if (data.generator.empty() || data.limit == 0) return;
  throw UsageError(
      "{}: data.limit = {} cuts a file short, but the training samples are made by data.generator. Remove it.",
      checked.place({"data.limit"}), data.limit);
}

void check_class_shares(const Checked& checked) {
  const DataConfig& data = checked.config.data;
  const std::int64_t classes = checked.config.network.classes();
  if (data.class_shares.empty() || data.sampling == io::Sampling::uniform) return;  // idle_keys.cpp
  const std::string place = checked.place({"data.class_shares"});
  if (data.sampling != io::Sampling::balanced)
    throw UsageError(
        "{}: data.class_shares say how much of an epoch each class gets, but data.sampling is {}, which goes by the weight of each sample. Set data.sampling to balanced, or remove data.class_shares.",
        place, word_of(data.sampling));
  if (static_cast<std::int64_t>(data.class_shares.size()) != classes)
    throw UsageError(
        "{}: data.class_shares has {} values, but the network puts out {} classes. Give one share per class, in any unit; none at all share equally.",
        place, data.class_shares.size(), classes);
  if (std::ranges::all_of(data.class_shares, [](float share) { return share == 0; }))
    throw UsageError(
        "{}: data.class_shares are all zero, so nothing would be drawn. Give at least one class a share above zero.",
        place);
}

/// Samples that are drawn more or less often than once an epoch.
void check_sampling(const Checked& checked) {
  const DataConfig& data = checked.config.data;
  if (!data.weights.empty() && !data.generator.empty())
    throw UsageError(
        "{}: data.weights = {} names weights of samples in a file, but the training samples are made by data.generator. Remove it.",
        checked.place({"data.weights"}), data.weights);
  check_class_shares(checked);
  if (data.sampling == io::Sampling::uniform) return;
  const std::string given =
      fmt::format("{}: data.sampling = {}", checked.place({"data.sampling"}), word_of(data.sampling));
  if (!data.generator.empty())
    throw UsageError(
        "{} draws samples of a file again and again, but the training samples are made by data.generator, new ones in every epoch. Remove it; options of the generator (data.rich) say what it makes.",
        given);
  if (!data.shuffle)
    throw UsageError("{} draws samples in a random order, but data.shuffle is false. Remove one of the two.",
                     given);
  if (data.sampling == io::Sampling::weighted && data.weights.empty())
    throw UsageError(
        "{} draws samples by their weights, but data.weights does not say where these are. Name their data set in the group of the training samples, e.g. data.weights=weights; data.sampling=balanced needs none.",
        given);
}

void check_validation(const Checked& checked) {
  const DataConfig& data = checked.config.data;
  if (data.validation_fraction == 0 || data.validation.empty()) return;
  throw UsageError(
      "{}: data.validation = {} names a group to validate on, and data.validation_fraction = {} takes a part of the training samples for it. Keep one of the two.",
      checked.place({"data.validation_fraction", "data.validation"}), data.validation,
      data.validation_fraction);
}

void check_normalisation(const Checked& checked) {
  using Kind = io::Normalisation::Kind;
  const io::Normalisation& norm = checked.config.normalisation;
  const std::string place =
      checked.place({"normalisation.mean", "normalisation.deviation", "normalisation.kind"});
  const bool empty = norm.mean.empty() && norm.deviation.empty();
  if (empty && norm.kind != Kind::given) return;
  if (norm.kind == Kind::none || norm.kind == Kind::per_sample) {
    throw UsageError(
        "{}: normalisation.mean and deviation are only used with kind: given, and with kind: per_feature once they have been measured. Set kind: given or remove them.",
        place);
  }
  const auto channels = static_cast<std::size_t>(checked.config.network.input.channels);
  if (norm.mean.size() == channels && norm.deviation.size() == channels) return;
  const char* const word = checked.config.network.input.flat ? "value" : "channel";
  throw UsageError(
      "{}: normalisation needs one mean and one deviation per {}: there are {} {}s, but mean has {} values and deviation {}.",
      place, word, channels, word, norm.mean.size(), norm.deviation.size());
}

/// Area and aspect ratio of a window are drawn for one kind of crop alone.
void check_crop_keys(const Checked& checked) {
  const io::AugmentationOptions& options = checked.config.augmentation;
  const io::AugmentationOptions usual;
  if (options.crop == io::Crop::none || options.crop == io::Crop::random_resized) return;
  const auto refuse = [&](const char* key) {
    throw UsageError(
        "{}: {} is for windows of random area and aspect ratio, but augmentation.crop is {}. Set augmentation.crop to random_resized, or remove {}.",
        checked.place({key}), key, word_of(options.crop), key);
  };
  if (options.crop_scale_low != usual.crop_scale_low || options.crop_scale_high != usual.crop_scale_high)
    refuse("augmentation.crop_scale");
  if (options.crop_ratio_low != usual.crop_ratio_low || options.crop_ratio_high != usual.crop_ratio_high)
    refuse("augmentation.crop_ratio");
}

/// Mixtures are made inside a shard.
void check_mixup(const Checked& checked) {
  const BatchConfig& batch = checked.config.batch;
  const float mixup = checked.config.augmentation.mixup;
  if (mixup == 0 || batch.shards < batch.size) return;
  std::int64_t fewer = std::max<std::int64_t>(batch.size / 2, 1);
  while (batch.size % fewer != 0) --fewer;
  throw UsageError(
      "{}: augmentation.mixup = {} mixes the samples of a shard with each other, but batch.size = {} in batch.shards = {} are shards of one sample. {}",
      checked.place({"augmentation.mixup", "batch.shards", "batch.size"}), mixup, batch.size, batch.shards,
      batch.size == 1 ? "Choose a larger batch.size, or remove it."
                      : fmt::format("Choose fewer shards, e.g. batch.shards = {}, or remove it.", fewer));
}

void check_augmentation(const Checked& checked) {
  const io::AugmentationOptions& options = checked.config.augmentation;
  const SampleShape& input = checked.config.network.input;
  if (input.flat && io::changes_images(options))
    throw UsageError(
        "{}: augmentation turns, shifts and recolours images, but network.input is a flat vector of {} values. Remove the group augmentation, or all of it but mixup.",
        checked.source, input.channels);
  const auto smaller = static_cast<float>(std::min(input.height, input.width));
  const auto refuse = [&](const char* key, float value, std::int64_t side) {
    throw UsageError("{}: {} = {} reaches the size of the images ({} pixels). Make it smaller.",
                     checked.place({key}), key, value, side);
  };
  const auto check_shift = [&](const char* key, const io::ShiftRange& range, std::int64_t side) {
    if (range.is_fraction()) return;
    if (range.amount >= static_cast<float>(side)) refuse(key, range.amount, side);
    for (const float choice : range.given())
      if (std::abs(choice) >= static_cast<float>(side)) refuse(key, choice, side);
  };
  if (options.crop == io::Crop::none) {  // else the stored images have another size
    check_shift("augmentation.width_shift_range", options.width_shift_range, input.width);
    check_shift("augmentation.height_shift_range", options.height_shift_range, input.height);
  }
  check_crop_keys(checked);
  if (static_cast<float>(options.crop_padding) >= smaller && options.crop_padding > 0) {
    refuse("augmentation.crop_padding", static_cast<float>(options.crop_padding),
           static_cast<std::int64_t>(smaller));
  }
  if (static_cast<float>(options.cutout_size) >= smaller && options.cutout_size > 0) {
    refuse("augmentation.cutout_size", static_cast<float>(options.cutout_size),
           static_cast<std::int64_t>(smaller));
  }
}

void check_optimizer(const Checked& checked) {
  const OptimizerConfig& optimizer = checked.config.optimizer;
  if (optimizer.kind != OptimizerKind::sgd || !optimizer.nesterov || optimizer.momentum > 0) return;
  throw UsageError("{}: optimizer.nesterov needs a momentum above 0. Set optimizer.momentum, e.g. 0.9.",
                   checked.place({"optimizer.nesterov"}));
}

void check_schedule(const Checked& checked) {
  const ScheduleConfig& schedule = checked.config.schedule;
  const double epochs = checked.config.epochs;
  if (schedule.warmup_epochs > 0 && schedule.warmup_epochs >= epochs) {
    throw UsageError(
        "{}: schedule.warmup_epochs = {} leaves nothing of the {} epochs. Use a shorter warm-up, e.g. {}, or more epochs.",
        checked.place({"schedule.warmup_epochs", "epochs"}), schedule.warmup_epochs, epochs, epochs / 10);
  }
}

}  // namespace

void check_config(const Config& config, const Places& places, const std::string& source) {
  const Checked checked{config, places, source};
  check_name(checked);
  check_classifier(config.network, source);
  check_batch(checked);
  check_loss(checked);
  check_metrics(checked);
  check_inputs(checked);
  check_files(checked);
  check_generator(checked);
  check_sampling(checked);
  check_validation(checked);
  check_normalisation(checked);
  check_augmentation(checked);
  check_mixup(checked);
  check_optimizer(checked);
  check_schedule(checked);
  check_idle_keys(config, places);
}

void check_world(const Config& config, int ranks) {
  const std::int64_t shards = config.batch.shards;
  if (shards % ranks == 0) return;
  const std::int64_t next = (shards / ranks + 1) * ranks;
  std::vector<std::int64_t> counts;
  for (const std::int64_t divisor : divisors_near(shards, ranks)) counts.push_back(divisor);
  std::string other;
  for (std::int64_t candidate = next; candidate <= config.batch.size && other.empty(); candidate += ranks) {
    if (config.batch.size % candidate == 0) other = fmt::format("batch.shards={}", candidate);
  }
  if (other.empty()) {
    const std::int64_t size = (config.batch.size + next - 1) / next * next;
    other = fmt::format("batch.shards={} batch.size={}", next, size);
  }
  throw UsageError(
      "batch.shards = {} cannot be shared out evenly over {} ranks (every rank owns the same number of shards). Start {} ranks, or train with {} (other shards give other rounding, so keep them for a whole run).",
      shards, ranks, fmt::join(counts, ", "), other);
}

}  // namespace annulus::trainer
