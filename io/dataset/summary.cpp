// Walks the groups of a file and prints what they hold.
#include "io/dataset/summary.hpp"

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <ostream>

#include "io/dataset/columns.hpp"

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
  const DatasetColumns columns({.path = path, .images = split + "/images", .labels = split + "/labels"});
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

SplitSummary describe_split(const Hdf5File& file, const std::string& name, std::size_t classes) {
  SplitSummary split;
  split.name = name;
  for (const std::string& column : file.members(name))
    if (file.is_dataset(name + "/" + column))
      split.columns.push_back({column, file.dataset(name + "/" + column).info()});
  const std::string images = name + "/images";
  const DatasetInfo info = file.dataset(images).info();
  split.samples = info.rows();
  split.shape = image_shape(info, file.path(), images);
  split.pixels = pixel_type(info, file.path(), images);
  checked_bytes(info, file.path(), images);
  split.pixel_bytes = split.samples * static_cast<std::uint64_t>(split.shape.size()) * size_of(split.pixels);
  split.label_counts.resize(classes);
  for (const std::int32_t label : read_labels(file, name + "/labels", classes)) {
    const auto index = static_cast<std::size_t>(label);
    if (index >= split.label_counts.size()) split.label_counts.resize(index + 1);
    ++split.label_counts[index];
  }
  return split;
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

std::string column_text(const DatasetInfo& info) {
  std::string layout =
      info.chunk.empty() ? "contiguous" : fmt::format("chunks of {} rows", info.chunk.front());
  if (!info.filters.empty()) layout += fmt::format(", {}", fmt::join(info.filters, ", "));
  return fmt::format("({})  {}  {}  {:.1f} MB stored", fmt::join(info.extents, ", "), to_string(info.type),
                     layout, static_cast<double>(info.stored_bytes) / 1e6);
}

void print_split(const SplitSummary& split, const std::vector<std::string>& classes, std::ostream& out) {
  const std::string form = split.shape.flat
                               ? fmt::format("vectors of {} values, read as", split.shape.channels)
                               : fmt::format("images of {} x {} x {}", split.shape.height, split.shape.width,
                                             split.shape.channels);
  fmt::print(out, "\n{}: {} {} {}, {:.1f} MB in memory\n", split.name, split.samples, form,
             split.pixels == PixelType::uint8 ? "uint8" : "float32",
             static_cast<double>(split.pixel_bytes) / 1e6);
  for (const ColumnSummary& column : split.columns)
    fmt::print(out, "  {:<12} {}\n", column.name, column_text(column.info));
  constexpr std::size_t kShown = 20;
  fmt::print(out, "  {} per class:", split.shape.flat ? "samples" : "images");
  for (std::size_t k = 0; k < std::min(kShown, split.label_counts.size()); ++k)
    fmt::print(out, " {} {}{}", k < classes.size() ? classes[k] : std::to_string(k), split.label_counts[k],
               k + 1 < split.label_counts.size() ? "," : "");
  fmt::print(out, "{}\n", split.label_counts.size() > kShown ? " ..." : "");
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
      summary.others.push_back({name, file.dataset(name).info()});
    } else if (file.is_dataset(name + "/images") && file.is_dataset(name + "/labels")) {
      summary.splits.push_back(describe_split(file, name, summary.classes.size()));
    } else {
      for (const std::string& member : file.members(name))
        if (file.is_dataset(name + "/" + member))
          summary.others.push_back({name + "/" + member, file.dataset(name + "/" + member).info()});
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

void print_dataset(const DatasetSummary& summary, std::ostream& out) {
  fmt::print(out, "{} ({:.1f} MB)\n", summary.path, static_cast<double>(summary.file_bytes) / 1e6);
  fmt::print(out, "schema: {}\n", summary.schema.empty() ? "none (a foreign file)" : summary.schema);
  if (!summary.description.empty()) fmt::print(out, "description: {}\n", summary.description);
  if (!summary.classes.empty())
    fmt::print(out, "{} classes: {}\n", summary.classes.size(), fmt::join(summary.classes, ", "));
  for (const auto& [name, value] : summary.attributes) fmt::print(out, "{}: {}\n", name, value);
  for (const SplitSummary& split : summary.splits) print_split(split, summary.classes, out);
  if (!summary.others.empty()) fmt::print(out, "\nother datasets:\n");
  for (const ColumnSummary& column : summary.others)
    fmt::print(out, "  {:<20} {}\n", column.name, column_text(column.info));
}

}  // namespace annulus::io
