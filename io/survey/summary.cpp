// Walks the groups of a file and looks into what a training would read. What it says: summary_text.cpp.
#include "io/survey/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/printable.hpp"
#include "io/dataset/axes.hpp"
#include "io/dataset/columns.hpp"
#include "io/dataset/labels.hpp"
#include "io/dataset/pixels.hpp"

namespace annulus::io {
namespace {

/// What can be said of a dataset, whether or not it can be read.
ColumnSummary describe_column(const Hdf5File& file, const std::string& path, const std::string& name) {
  try {
    ColumnSummary column{name, file.dataset(path).info(), ""};
    const std::string writer = writer_of_reversed_axes(file, path);
    if (!writer.empty() && column.info.extents.size() > 2)
      column.remark = fmt::format("written by {}, whose axes are in reverse", writer);
    return column;
  } catch (const DataError& error) {
    return {name, {}, error.what()};
  }
}

/// A group that a training takes by itself.
bool is_usual_split(const std::string& name) {
  return name == "train" || name == "validation" || name == "test";
}

/// Whether labels that class numbers from 0 do not explain, or that leave out 0, count from 1.
bool count_from_one(const Hdf5File& file, const std::string& name, const LabelRules& rules) {
  try {
    LabelRules from_one = rules;
    from_one.first = 1;
    return read_labels(file, name, from_one).smallest == 1;
  } catch (const DataError&) {
    return false;
  }
}

/// How labels follow one another.
void note_runs(std::span<const std::int32_t> labels, SplitSummary& split) {
  constexpr std::uint64_t kFew = 100;  // samples, of which nothing can be said
  constexpr double kMuchLonger = 8;
  const auto samples = static_cast<double>(labels.size());
  std::uint64_t runs = 1;
  for (std::size_t i = 1; i < labels.size(); ++i) runs += labels[i] != labels[i - 1] ? 1U : 0U;
  split.label_run = samples / static_cast<double>(runs);
  const double same = std::accumulate(  // that two samples by chance are of one class
      split.label_counts.begin(), split.label_counts.end(), 0.0, [&](double sum, std::uint64_t count) {
        return sum + static_cast<double>(count) / samples * static_cast<double>(count) / samples;
      });
  split.sorted_by_class = labels.size() >= kFew && same < 1 && split.label_run > kMuchLonger / (1 - same);
}

void count_labels_of(const Hdf5File& file, std::size_t classes, SplitSummary& split) {
  if (classes == 0) split.classes = split_classes(file, split.images, split.labels).names;
  const LabelRules rules{.samples = split.samples, .classes = std::max(classes, split.classes.size())};
  split.from_one = count_from_one(file, split.labels, rules);
  const Labels labels = read_labels(file, split.labels, rules);
  split.smallest_label = labels.smallest;
  // A list of names says how many there are: with one for the largest label, the first may have no samples.
  split.from_one = split.from_one && rules.classes == 0;
  if (labels.numbers.size() != split.samples) {
    split.from_one = false;
    const Extents extents = file.dataset(split.images).info().extents;
    const bool last =
        extents.size() > 2 && static_cast<std::uint64_t>(extents.back()) == labels.numbers.size();
    throw DataError("{}, {}: has {} labels for {} images; every image needs exactly one.{}", file.path(),
                    split.labels, labels.numbers.size(), split.samples,
                    !last ? ""
                          : fmt::format(" The images seem to be counted by the last axis: data.axes={}, or "
                                        "another order with N last.",
                                        extents.size() == 3 ? "HWN" : "HWCN"));
  }
  split.label_counts.resize(rules.classes);
  for (const std::int32_t label : labels.numbers) {
    const auto index = static_cast<std::size_t>(label);
    if (index >= split.label_counts.size()) split.label_counts.resize(index + 1);
    ++split.label_counts[index];
  }
  note_runs(labels.numbers, split);
}

void look_at_images(const Hdf5File& file, SplitSummary& split) {
  const DatasetInfo info = file.dataset(split.images).info();
  split.samples = info.rows();
  split.axes = guess_axes(file, split.images);
  split.shape = image_shape(info, file.path(), split.images, split.axes);
  split.pixels = pixel_type(info, file.path(), split.images);
  checked_bytes(info, file.path(), split.images);
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(split.shape.size()) * size_of(split.pixels);
  split.pixel_bytes = split.samples * row_bytes;
  split.layout = layout_cost(info, row_bytes);
  split.stored = info;
}

SplitSummary describe_split(const Hdf5File& file, const std::string& name, std::size_t classes) {
  SplitSummary split{.name = name, .images = name + "/images", .labels = name + "/labels"};
  for (const std::string& column : file.members(name))
    if (file.is_dataset(name + "/" + column))
      split.columns.push_back(describe_column(file, name + "/" + column, column));
  look_at_images(file, split);
  try {
    count_labels_of(file, classes, split);
  } catch (const DataError& error) {
    if (!is_usual_split(name)) throw;
    split.label_fault = error.what();
  }
  return split;
}

/// A group that nobody asks for by its name may be of any form.
void add_split(const Hdf5File& file, const std::string& name, DatasetSummary& summary) {
  try {
    summary.splits.push_back(describe_split(file, name, summary.classes.size()));
  } catch (const DataError& error) {
    if (is_usual_split(name)) throw;
    summary.unusable.emplace_back(name, error.what());
  }
}

/// A split that was found by the names of its datasets.
/// @return whether it is one
bool add_guess(const Hdf5File& file, const char* name, const SplitPlace& place, DatasetSummary& summary) {
  SplitSummary split{.name = name, .images = place.images_path(), .labels = place.labels_path()};
  if (split.labels.empty()) {
    summary.remarks.push_back(fmt::format(
        "{} may be the images of {}, but there are no labels for {} rows, or several: name them by "
        "data.labels",
        shown_name(split.images), name, file.dataset(split.images).info().rows()));
    return false;
  }
  try {
    for (const std::string& path : {split.images, split.labels})
      split.columns.push_back(describe_column(file, path, path));
    look_at_images(file, split);
  } catch (const DataError& error) {
    summary.remarks.push_back(error.what());
    return false;
  }
  try {
    count_labels_of(file, summary.classes.size(), split);
  } catch (const DataError& error) {
    split.label_fault = error.what();
  }
  std::erase_if(summary.others, [&](const ColumnSummary& column) {
    return column.name == split.images || column.name == split.labels;
  });
  summary.splits.push_back(std::move(split));
  return true;
}

void guess(const Hdf5File& file, DatasetSummary& summary) {
  FoundSplits& found = summary.found;
  found = guess_splits(file);
  const auto keep = [&](const char* name, std::optional<SplitPlace>& place) {
    if (place && !add_guess(file, name, *place, summary)) place.reset();
  };
  keep("train", found.train);
  keep("validation", found.validation);
  keep("test", found.test);
}

const SplitSummary* split_at(const DatasetSummary& summary, const std::optional<SplitPlace>& place) {
  const auto found = std::ranges::find_if(summary.splits, [&](const SplitSummary& split) {
    return place && split.images == place->images_path();
  });
  return found == summary.splits.end() ? nullptr : &*found;
}

/// One key holds for all splits, so all of them have to count alike.
std::int64_t first_label_of(const DatasetSummary& summary) {
  for (const auto* place : {&summary.found.train, &summary.found.validation, &summary.found.test})
    if (const SplitSummary* split = split_at(summary, *place); split != nullptr && !split->from_one) return 0;
  return 1;
}

/// Splits that cannot be read by the keys of the training split.
void note_other_splits(DatasetSummary& summary, const SplitSummary& train, std::int64_t first_label) {
  for (const auto* place : {&summary.found.validation, &summary.found.test}) {
    const SplitSummary* split = split_at(summary, *place);
    if (split == nullptr) continue;
    if (!split->label_fault.empty() && first_label == 0)
      summary.remarks.push_back(fmt::format("{} cannot be read by this line: see its labels", split->name));
    if (split->axes != train.axes || split->shape.channels != train.shape.channels)
      summary.remarks.push_back(
          fmt::format("{} and {} hold images of different forms", train.name, split->name));
  }
}

void find_keys(DatasetSummary& summary) {
  const SplitSummary* train = split_at(summary, summary.found.train);
  if (train == nullptr) {
    summary.found.train.reset();
    return;
  }
  const std::int64_t first_label = first_label_of(summary);
  if (!train->label_fault.empty() && first_label == 0) {
    summary.found.train.reset();
    summary.remarks.push_back(
        fmt::format("nothing can train on {} as it stands: see its labels", train->name));
    return;
  }
  if (train->axes != ImageAxes::automatic)
    summary.remarks.push_back(fmt::format(
        "axes: {} is a guess from {}; look at some images by `annulus data show`", word_of(train->axes),
        writer_of_reversed_axes(Hdf5File::open(summary.path), train->images).empty()
            ? "their extents"
            : "the program that wrote them"));
  if (first_label == 1) summary.remarks.push_back("first_label: 1 is a guess, as no sample has the label 0");
  if (!summary.found.validation)
    summary.remarks.push_back(fmt::format(
        "there is no validation split: validation_fraction: 0.1 keeps a tenth of the training samples for it{}",
        summary.found.test ? ", and without it a training validates on the test samples" : ""));
  note_other_splits(summary, *train, first_label);
  summary.keys = data_keys(summary.found, train->axes, first_label);
}

DatasetOptions options_of(const std::string& path, const SplitSummary& split) {
  return {.path = path,
          .images = split.images,
          .labels = split.label_fault.empty() ? split.labels : "",
          .axes = split.axes};
}

/// Of a sample of the pixels nobody has asked for: what is wrong with it stands beside the rest.
void scan_split(const std::string& path, PixelScan scan, SplitSummary& split) {
  if (scan == PixelScan::skip) return;
  try {
    DatasetOptions options = options_of(path, split);
    options.labels = "";
    const DatasetColumns columns(options);
    const std::vector<RowRange> rows = rows_to_scan(columns, scan);
    split.statistics = pixel_statistics(columns, rows);
    for (const RowRange& range : rows) split.looked_at += range.count;
  } catch (const DataError& error) {
    if (scan == PixelScan::read_all) throw;
    split.pixel_fault = error.what();
  }
}

void read_root_attributes(const Hdf5File& file, DatasetSummary& summary) {
  for (const std::string& name : file.attributes("/")) {
    if (name == "schema")
      summary.schema = file.string_attribute("/", name);
    else if (name == "description")
      summary.description = file.string_attribute("/", name);
    else if (name.starts_with("provenance_"))
      summary.attributes.emplace_back(name, file.string_attribute("/", name));
  }
  summary.classes = class_names(file);
}

}  // namespace

DatasetSummary describe_dataset(const std::string& path, PixelScan scan) {
  const Hdf5File file = Hdf5File::open(path);
  DatasetSummary summary;
  summary.path = path;
  summary.scan = scan;
  summary.file_bytes = std::filesystem::file_size(path);
  read_root_attributes(file, summary);
  for (const std::string& name : file.members()) {
    if (!file.exists(name)) continue;
    if (file.is_dataset(name)) {
      summary.others.push_back(describe_column(file, name, name));
    } else if (file.is_dataset(name + "/images") && file.is_dataset(name + "/labels")) {
      add_split(file, name, summary);
    } else {
      constexpr int kDeepest = 3;  // Octave's structures
      for (const std::string& dataset : file.datasets(name, kDeepest))
        summary.others.push_back(describe_column(file, dataset, dataset));
    }
  }
  // Training data first: HDF5 sorts by name.
  std::stable_sort(summary.splits.begin(), summary.splits.end(),
                   [](const SplitSummary& a, const SplitSummary& b) {
                     const auto place = [](const std::string& name) {
                       return name == "train" ? 0 : name == "validation" ? 1 : 2;
                     };
                     return place(a.name) < place(b.name);
                   });
  std::vector<std::string> groups;
  for (const SplitSummary& split : summary.splits) groups.push_back(split.name);
  summary.found = splits_of_groups(groups);
  // Files of this program that are no dataset say so by their schema.
  if (summary.splits.empty() && summary.unusable.empty() && summary.schema.empty()) guess(file, summary);
  find_keys(summary);
  for (SplitSummary& split : summary.splits) scan_split(path, scan, split);
  return summary;
}

Duplicates find_duplicates(const DatasetSummary& summary) {
  std::vector<SplitToHash> splits;
  for (const SplitSummary& split : summary.splits)
    splits.push_back({split.name, options_of(summary.path, split)});
  return find_duplicates(splits);
}

std::uint64_t try_samples(SampleSource& source) {
  constexpr std::uint64_t kTries = 16;
  constexpr std::uint64_t kBytes = 64 << 20;
  const SourceInfo& info = source.info();
  const std::uint64_t tries = std::clamp<std::uint64_t>(
      kBytes / std::max<std::uint64_t>(1, sample_bytes(info)), 1, std::min(info.samples, kTries));
  std::vector<std::byte> pixels(static_cast<std::size_t>(info.shape.size()) * size_of(info.pixels));
  std::vector<std::int32_t> label(1);
  std::vector<float> vectors(static_cast<std::size_t>(total_length(info.vectors)));
  for (std::uint64_t i = 0; i < tries; ++i) {
    // As i * (samples - 1) / (tries - 1), without products that overflow.
    const std::uint64_t gaps = std::max<std::uint64_t>(1, tries - 1);
    const std::uint64_t last = info.samples - 1;
    const std::vector<std::uint64_t> sample{last / gaps * i + last % gaps * i / gaps};
    source.read(sample, {.pixels = pixels, .labels = label, .vectors = vectors});
  }
  return tries;
}

std::uint64_t try_images(const std::string& path, const std::string& images) {
  const auto source = open_dataset({.path = path,
                                    .images = images,
                                    .labels = "",
                                    .resident_bytes = 0,
                                    .cache_bytes = std::uint64_t{1} << 30,
                                    .not_finite = NotFinite::keep},
                                   make_private_memory);
  return try_samples(*source);
}

}  // namespace annulus::io
