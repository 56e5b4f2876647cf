// See data_names.hpp.
#include "trainer/data_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/data_files.hpp"
#include "trainer/validation_split.hpp"

namespace annulus::trainer {
namespace {

const std::string& or_else(const std::string& own, const std::string& usual) {
  return own.empty() ? usual : own;
}

SplitNames make_names(const std::string& group, const std::string& images, const std::string& labels) {
  return {group, in_group(group, images), labels.empty() ? "" : in_group(group, labels)};
}

/// @param files, label_files  of this split alone, or none
SplitNames in_files(SplitNames names, const DataConfig& data, const std::vector<std::string>& files = {},
                    const std::vector<std::string>& label_files = {}) {
  names.files = files.empty() ? data.files : files;
  names.label_files = files.empty() ? data.label_files : label_files;
  return names;
}

std::optional<Split> split_called(const std::string& word) {
  if (word == "train") return Split::train;
  if (word == "validation") return Split::validation;
  if (word == "test") return Split::test;
  return std::nullopt;
}

bool contains(std::string name, const std::string& word) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find(word) != std::string::npos;
}

/// Datasets in the root whose names speak of a split.
struct RootNames {
  std::string images;
  std::string labels;
};

/// What is there under a name that nobody asked for may be of any form.
std::size_t rank_of(const io::Hdf5File& file, const std::string& name) {
  try {
    return file.exists(name) && file.is_dataset(name) ? file.extents(name).size() : 0;
  } catch (const DataError&) {
    return 0;
  }
}

RootNames root_names(const io::Hdf5File& file, const std::vector<std::string>& words) {
  RootNames found;
  for (const std::string& name : file.members()) {
    if (!std::ranges::any_of(words, [&](const std::string& word) { return contains(name, word); })) continue;
    const std::size_t rank = rank_of(file, name);
    std::string& kind = rank > 2 ? found.images : found.labels;
    if (rank > 0 && kind.empty()) kind = name;
  }
  return found;
}

/// The keys for a file with such datasets in its root, e.g. "data.train=/ data.images=x_train".
std::string keys_for(const io::Hdf5File& file, const DataConfig& data) {
  RootNames train = root_names(file, {"train"});
  if (train.images.empty() && rank_of(file, data.images) > 0) train.images = data.images;
  if (train.labels.empty() && rank_of(file, data.labels) > 0) train.labels = data.labels;
  const RootNames validation = root_names(file, {"val"});
  std::string keys = fmt::format("data.train=/ data.images={} data.labels={}", shown_name(train.images),
                                 train.labels.empty() ? "NAME" : shown_name(train.labels));
  const auto add = [&](const char* split, const RootNames& names) {
    if (names.images.empty() || names.labels.empty()) return false;
    keys += fmt::format(" data.{0}=/ data.{0}_images={1} data.{0}_labels={2}", split,
                        shown_name(names.images), shown_name(names.labels));
    return true;
  };
  // Test samples are none to validate on: a part of the training samples takes their place.
  const bool is_chosen = data.validation_fraction > 0 || file.exists(kValidationGroup);
  if (!is_chosen && !add("validation", validation) && data.validation.empty())
    keys += " data.validation_fraction=0.1";
  add("test", root_names(file, {"test"}));
  return keys;
}

}  // namespace

std::string in_group(const std::string& group, const std::string& name) {
  return group.find_first_not_of('/') == std::string::npos ? name : group + "/" + name;
}

SplitNames names_of(const Config& config, Split split) {
  const DataConfig& data = config.data;
  // Without labels there are none in any split.
  const auto labels = [&](const std::string& own) {
    return data.labels.empty() ? "" : or_else(own, data.labels);
  };
  switch (split) {
    case Split::train:
      break;
    case Split::validation:
      return in_files(
          make_names(or_else(data.validation, kValidationGroup), or_else(data.validation_images, data.images),
                     labels(data.validation_labels)),
          data, data.validation_files, data.validation_label_files);
    case Split::test:
      return in_files(make_names(data.test, or_else(data.test_images, data.images), labels(data.test_labels)),
                      data, data.test_files, data.test_label_files);
  }
  return in_files(make_names(data.train, data.images, data.labels), data);
}

SplitNames names_of(const Config& config, const std::string& group) {
  const DataConfig& data = config.data;
  if (const auto split = split_called(group)) {
    SplitNames own = names_of(config, *split);
    const bool has_files = own.files != data.files;
    if (has_files || !any_has(image_files(data, own), in_group(group, data.images))) return own;
  }
  // The training's own names come first: a key for another split never changes what training reads.
  if (group == data.train) return names_of(config, Split::train);
  if (group == or_else(data.validation, kValidationGroup)) return names_of(config, Split::validation);
  if (group == data.test) return names_of(config, Split::test);
  return in_files(make_names(group, data.images, data.labels), data);
}

void check_names(const Config& config, const SplitNames& names) {
  if (!names.files.empty()) return;  // names in the root are looked for in one file alone
  const io::Hdf5File file = io::Hdf5File::open(config.data.path);
  if (file.exists(names.images) || file.leads_elsewhere(names.images)) return;
  if (config.data.validation_fraction > 0 && names.group == kValidationGroup && !file.exists(names.group))
    throw DataError(
        "{}: there is no group '{}'. The part of '{}' that a training keeps for validation is known to `annulus evaluate` and `annulus predict` as `--split {}`, and only with the file, the data.validation_fraction and the seed of that training; here data.validation_fraction = {} and seed = {}. Leave these as the run has them, or name another split.",
        config.data.path, names.group, config.data.train, kValidationGroup, config.data.validation_fraction,
        config.seed);
  if (rank_of(file, config.data.images) == 0 && root_names(file, {"train"}).images.empty())
    return;  // opening it lists what is there
  throw DataError(
      "{}: there is no dataset {}, but datasets of images lie in the root of the file. Name them: {}.",
      config.data.path, names.images, keys_for(file, config.data));
}

void check_validates_on_others(const Config& config, const SplitNames& names) {
  // A group that was named twice is somebody's wish; datasets in the root are told apart by their names
  // alone.
  const bool in_root = in_group(names.group, "").empty();
  const SplitNames train = names_of(config, Split::train);
  if (!in_root || names.images != train.images || names.files != train.files) return;
  throw UsageError(
      "validation would read {}, which training reads. Name others by data.validation_images and data.validation_labels, or another group by data.validation.",
      names.images);
}

}  // namespace annulus::trainer
