// Walks the groups of a file and prints what they hold.
#include "io/dataset/summary.hpp"

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <ostream>

#include "base/printable.hpp"
#include "io/dataset/columns.hpp"
#include "io/dataset/doubled_name.hpp"
#include "io/dataset/labels.hpp"
#include "io/dataset/pixels.hpp"

namespace annulus::io {
namespace {

/// Mean and deviation in double from sums per block: 10^12 pixels keep six digits.
class StatisticsSum {
 public:
  explicit StatisticsSum(std::size_t channels) : sums_(channels) {}

  template <class T>
  void add(std::span<const T> pixels) {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      Sum& sum = sums_[i % sums_.size()];
      const double value = pixels[i];
      sum.total += value;
      sum.squares += value * value;
      sum.smallest = std::min(sum.smallest, value);
      sum.largest = std::max(sum.largest, value);
    }
    pixels_ += pixels.size() / sums_.size();
  }

  std::vector<PixelStatistics> result() const {
    std::vector<PixelStatistics> statistics;
    for (const Sum& sum : sums_) {
      const double mean = sum.total / static_cast<double>(pixels_);
      const double variance = sum.squares / static_cast<double>(pixels_) - mean * mean;
      statistics.push_back({mean, std::sqrt(std::max(0.0, variance)), sum.smallest, sum.largest});
    }
    return statistics;
  }

 private:
  struct Sum {
    double total = 0;
    double squares = 0;
    double smallest = std::numeric_limits<double>::infinity();
    double largest = -std::numeric_limits<double>::infinity();
  };
  std::vector<Sum> sums_;
  std::uint64_t pixels_ = 0;
};

std::vector<PixelStatistics> scan_pixels(const std::string& path, const std::string& split) {
  const DatasetColumns columns({.path = path, .images = split + "/images", .labels = ""});
  const SourceInfo& info = columns.info();
  constexpr std::uint64_t kReadBytes = 8 << 20;
  const std::uint64_t step =
      columns.chunk_rows() *
      std::max<std::uint64_t>(1, kReadBytes / columns.row_bytes() / columns.chunk_rows());
  StatisticsSum sum(static_cast<std::size_t>(info.shape.channels));
  std::vector<std::byte> block;
  for (std::uint64_t first = 0; first < info.samples; first += step) {
    const std::uint64_t rows = std::min(step, info.samples - first);
    block.resize(rows * columns.row_bytes());
    columns.read_pixels(first, rows, block);
    if (info.pixels == PixelType::uint8)
      sum.add(
          std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(block.data()), block.size()));
    else
      sum.add(
          std::span<const float>(reinterpret_cast<const float*>(block.data()), block.size() / sizeof(float)));
  }
  return sum.result();
}

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

void count_labels_of(const Hdf5File& file, std::size_t classes, SplitSummary& split) {
  if (classes == 0) split.classes = split_classes(file, split.name + "/images", split.name + "/labels").names;
  classes = std::max(classes, split.classes.size());
  const Labels labels =
      read_labels(file, split.name + "/labels", {.samples = split.samples, .classes = classes});
  if (labels.numbers.size() != split.samples)
    throw DataError("{}, {}: has {} labels for {} images; every image needs exactly one.", file.path(),
                    split.name + "/labels", labels.numbers.size(), split.samples);
  split.label_counts.resize(classes);
  for (const std::int32_t label : labels.numbers) {
    const auto index = static_cast<std::size_t>(label);
    if (index >= split.label_counts.size()) split.label_counts.resize(index + 1);
    ++split.label_counts[index];
  }
}

SplitSummary describe_split(const Hdf5File& file, const std::string& name, std::size_t classes) {
  SplitSummary split;
  split.name = name;
  for (const std::string& column : file.members(name))
    if (file.is_dataset(name + "/" + column))
      split.columns.push_back(describe_column(file, name + "/" + column, column));
  const std::string images = name + "/images";
  const DatasetInfo info = file.dataset(images).info();
  split.samples = info.rows();
  split.shape = image_shape(info, file.path(), images);
  split.pixels = pixel_type(info, file.path(), images);
  checked_bytes(info, file.path(), images);
  split.pixel_bytes = split.samples * static_cast<std::uint64_t>(split.shape.size()) * size_of(split.pixels);
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

std::string column_text(const ColumnSummary& column) {
  const DatasetInfo& info = column.info;
  if (info.extents.empty() && !column.remark.empty()) return "cannot be read: " + column.remark;
  std::string layout =
      info.chunk.empty() ? "contiguous" : fmt::format("chunks of {} rows", info.chunk.front());
  if (!info.filters.empty()) layout += fmt::format(", {}", shown_names(info.filters));
  return fmt::format("({})  {}  {}  {:.1f} MB stored{}{}", fmt::join(info.extents, ", "),
                     to_string(info.type), layout, static_cast<double>(info.stored_bytes) / 1e6,
                     column.remark.empty() ? "" : "; ", column.remark);
}

void print_labels(const SplitSummary& split, const std::vector<std::string>& classes, std::ostream& out) {
  if (!split.label_fault.empty())
    return fmt::print(out, "  labels cannot be used as they stand: {}\n", split.label_fault);
  constexpr std::size_t kShown = 20;
  fmt::print(out, "  {} per class:", split.shape.flat ? "samples" : "images");
  for (std::size_t k = 0; k < std::min(kShown, split.label_counts.size()); ++k)
    fmt::print(out, " {} {}{}", k < classes.size() ? shown_name(classes[k]) : std::to_string(k),
               split.label_counts[k], k + 1 < split.label_counts.size() ? "," : "");
  fmt::print(out, "{}\n", split.label_counts.size() > kShown ? " ..." : "");
  if (classes.empty() && split.label_counts.size() > 1 && split.label_counts.front() == 0)
    fmt::print(out, "  label 0 never occurs; where labels count from 1, data.first_label is 1\n");
}

void print_split(const SplitSummary& split, const std::vector<std::string>& of_file, std::ostream& out) {
  const std::vector<std::string>& classes = split.classes.empty() ? of_file : split.classes;
  const std::string form = split.shape.flat
                               ? fmt::format("vectors of {} values, read as", split.shape.channels)
                               : fmt::format("images of {} x {} x {}", split.shape.height, split.shape.width,
                                             split.shape.channels);
  fmt::print(out, "\n{}: {} {} {}, {:.1f} MB in memory\n", shown_name(split.name), split.samples, form,
             split.pixels == PixelType::uint8 ? "uint8" : "float32",
             static_cast<double>(split.pixel_bytes) / 1e6);
  for (const ColumnSummary& column : split.columns)
    fmt::print(out, "  {:<12} {}\n", shown_name(column.name), column_text(column));
  print_labels(split, classes, out);
  for (std::size_t c = 0; c < split.statistics.size(); ++c)
    fmt::print(out, "  {} {}: mean {:.4f}, deviation {:.4f}, from {:g} to {:g}\n",
               split.shape.flat ? "value" : "channel", c, split.statistics[c].mean,
               split.statistics[c].deviation, split.statistics[c].smallest, split.statistics[c].largest);
}

}  // namespace

DatasetSummary describe_dataset(const std::string& path, PixelScan scan) {
  const Hdf5File file = Hdf5File::open(path);
  DatasetSummary summary;
  summary.path = path;
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
  if (scan == PixelScan::read_all)
    for (SplitSummary& split : summary.splits) split.statistics = scan_pixels(path, split.name);
  return summary;
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

std::uint64_t try_images(const std::string& path, const std::string& split) {
  const auto source = open_dataset({.path = path,
                                    .images = split + "/images",
                                    .labels = "",
                                    .resident_bytes = 0,
                                    .cache_bytes = std::uint64_t{1} << 30,
                                    .not_finite = NotFinite::keep},
                                   make_private_memory);
  return try_samples(*source);
}

void print_dataset(const DatasetSummary& summary, std::ostream& out) {
  constexpr std::size_t kMostText = 4096;
  fmt::print(out, "{} ({:.1f} MB)\n", summary.path, static_cast<double>(summary.file_bytes) / 1e6);
  fmt::print(out, "schema: {}\n",
             summary.schema.empty() ? "none (a foreign file)" : shown_name(summary.schema));
  if (!summary.description.empty())
    fmt::print(out, "description: {}\n", shown_name(summary.description, kMostText));
  if (!summary.classes.empty())
    fmt::print(out, "{} classes: {}\n", summary.classes.size(), shown_names(summary.classes));
  if (const auto doubled = doubled_name(summary.classes))
    fmt::print(out, "  the class {}\n", doubled_text(summary.classes, *doubled));
  for (const auto& [name, value] : summary.attributes)
    fmt::print(out, "{}: {}\n", shown_name(name), shown_name(value, kMostText));
  for (const SplitSummary& split : summary.splits) print_split(split, summary.classes, out);
  for (const auto& [name, reason] : summary.unusable)
    fmt::print(out, "\n{}: cannot be a split: {}\n", name, reason);
  if (!summary.others.empty()) fmt::print(out, "\nother datasets:\n");
  for (const ColumnSummary& column : summary.others)
    fmt::print(out, "  {:<20} {}\n", column.name, column_text(column));
}

}  // namespace annulus::io
