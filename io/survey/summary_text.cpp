// What a dataset file holds, as people read it.
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "base/printable.hpp"
#include "io/dataset/doubled_name.hpp"
#include "io/dataset/parts.hpp"
#include "io/survey/summary.hpp"

namespace annulus::io {
namespace {

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

std::string class_text(std::size_t k, const std::vector<std::string>& classes) {
  return k < classes.size() ? shown_name(classes[k]) : std::to_string(k);
}

/// Classes that a network hardly sees.
void print_balance(const SplitSummary& split, const std::vector<std::string>& classes, std::ostream& out) {
  constexpr std::uint64_t kFew = 10;
  constexpr std::uint64_t kManyTimes = 10;
  std::size_t smallest = split.label_counts.size(), largest = smallest, empty = 0;
  for (std::size_t k = 0; k < split.label_counts.size(); ++k) {
    const std::uint64_t count = split.label_counts[k];
    if (count == 0) ++empty;
    if (count == 0) continue;
    if (smallest == split.label_counts.size() || count < split.label_counts[smallest]) smallest = k;
    if (largest == split.label_counts.size() || count > split.label_counts[largest]) largest = k;
  }
  if (largest == split.label_counts.size()) return;
  const std::uint64_t low = split.label_counts[smallest], high = split.label_counts[largest];
  if (split.from_one) --empty;
  if (empty > 0) fmt::print(out, "  {} of {} classes have no samples\n", empty, split.label_counts.size());
  if (split.samples >= kFew * kFew && (low < kFew || high >= kManyTimes * low))
    fmt::print(out, "  unequal classes: {} has {} samples, {} has {}\n", class_text(smallest, classes), low,
               class_text(largest, classes), high);
}

void print_labels(const SplitSummary& split, const std::vector<std::string>& classes, std::ostream& out) {
  if (!split.label_fault.empty())
    return fmt::print(out, "  labels cannot be used as they stand: {}\n", split.label_fault);
  constexpr std::size_t kShown = 20;
  fmt::print(out, "  {} per class:", split.shape.flat ? "samples" : "images");
  for (std::size_t k = 0; k < std::min(kShown, split.label_counts.size()); ++k)
    fmt::print(out, " {} {}{}", class_text(k, classes), split.label_counts[k],
               k + 1 < split.label_counts.size() ? "," : "");
  fmt::print(out, "{}\n", split.label_counts.size() > kShown ? " ..." : "");
  print_balance(split, classes, out);
  if (split.sorted_by_class)
    fmt::print(out, "  sorted by class: {:.0f} rows of one label follow one another in the mean\n",
               split.label_run);
  if (classes.empty() && split.label_counts.size() > 1 && split.label_counts.front() == 0)
    fmt::print(out, "  label 0 never occurs; where labels count from 1, data.first_label is 1\n");
}

void print_statistics(const SplitSummary& split, PixelScan scan, std::ostream& out) {
  const char* const what = split.shape.flat ? "value" : "channel";
  if (split.looked_at > 0 && split.looked_at < split.samples)
    fmt::print(out, "  of {} of the {}, at even distances (--pixels reads all):\n", split.looked_at,
               split.shape.flat ? "samples" : "images");
  constexpr std::size_t kShown = 16;  // of those that nobody has asked for
  const std::vector<PixelStatistics>& all = split.statistics;
  if (scan != PixelScan::read_all && all.size() > kShown) {
    const auto mean = [&] {
      double sum = 0;
      for (const PixelStatistics& each : all) sum += each.mean;
      return sum / static_cast<double>(all.size());
    };
    return fmt::print(out, "  {} {}s: mean {:.4f}, from {:g} to {:g} (--pixels shows each)\n", all.size(),
                      what, mean(), std::ranges::min(all, {}, &PixelStatistics::smallest).smallest,
                      std::ranges::max(all, {}, &PixelStatistics::largest).largest);
  }
  for (std::size_t c = 0; c < all.size(); ++c)
    fmt::print(out, "  {} {}: mean {:.4f}, deviation {:.4f}, from {:g} to {:g}\n", what, c, all[c].mean,
               all[c].deviation, all[c].smallest, all[c].largest);
}

void print_split(const SplitSummary& split, const std::vector<std::string>& of_file, PixelScan scan,
                 std::ostream& out) {
  const std::vector<std::string>& classes = split.classes.empty() ? of_file : split.classes;
  const std::string form = split.shape.flat
                               ? fmt::format("vectors of {} values, read as", split.shape.channels)
                               : fmt::format("images of {} x {} x {}", split.shape.height, split.shape.width,
                                             split.shape.channels) +
                                     (split.axes == ImageAxes::automatic
                                          ? ""
                                          : fmt::format(" (axes {}, a guess)", word_of(split.axes)));
  fmt::print(out, "\n{}: {} {} {}, {:.1f} MB in memory\n", shown_name(split.name), split.samples, form,
             split.pixels == PixelType::uint8 ? "uint8" : "float32",
             static_cast<double>(split.pixel_bytes) / 1e6);
  for (const ColumnSummary& column : split.columns)
    fmt::print(out, "  {:<12} {}\n", shown_name(column.name), column_text(column));
  print_labels(split, classes, out);
  fmt::print(out, "  layout: {}\n  reading: {}\n", layout_text(split.layout, split.stored),
             reading_text(split.layout));
  if (!split.pixel_fault.empty()) fmt::print(out, "  pixels: {}\n", split.pixel_fault);
  print_statistics(split, scan, out);
}

/// The network that the data ask for.
std::string network_text(const SplitSummary& train, std::size_t classes) {
  const std::string input = train.shape.flat ? std::to_string(train.shape.channels)
                                             : fmt::format("{}, {}, {}", train.shape.height,
                                                           train.shape.width, train.shape.channels);
  return fmt::format("network.input: [{}]; the last layer has {} units", input, classes);
}

const SplitSummary* train_of(const DatasetSummary& summary) {
  for (const SplitSummary& split : summary.splits)
    if (summary.found.train && split.images == summary.found.train->images_path()) return &split;
  return nullptr;
}

std::size_t class_count(const DatasetSummary& summary, const SplitSummary& train) {
  std::size_t classes = std::max(summary.classes.size(), train.classes.size());
  if (classes > 0) return classes;
  for (const SplitSummary& split : summary.splits) classes = std::max(classes, split.label_counts.size());
  const bool from_one = !summary.keys.empty() && summary.keys.back().first == "first_label";
  return classes - (from_one && classes > 0 ? 1 : 0);
}

/// The lines of a configuration that read the file, and what is to be known of them.
void print_line(const DatasetSummary& summary, std::ostream& out) {
  if (const SplitSummary* train = train_of(summary)) {
    const std::string files[] = {summary.path};
    fmt::print(out, "\nto train on it:\n  {}\n  {}\n", config_line(files, summary.keys),
               network_text(*train, class_count(summary, *train)));
  } else if (!summary.remarks.empty()) {
    fmt::print(out, "\nto train on it:\n");
  }
  for (const std::string& remark : summary.remarks) fmt::print(out, "  {}\n", remark);
  const std::string reason = reason_to_repack(summary);
  if (reason.empty() || !summary.found.train) return;
  fmt::print(out, "  {}. Written anew it is read faster:\n  annulus data repack {}{} --output NEW.h5\n",
             reason, shell_word(summary.path), command_words(summary.keys));
}

/// A pattern that names all parts of a data set, if these files are they.
std::string pattern_of_parts(const std::vector<std::string>& paths) {
  const std::optional<NamedPart> first = named_part(paths.front());
  if (!first || first->part.count != paths.size() || !missing_parts(paths).empty()) return "";
  const std::string pattern = part_path(first->output, {0, first->part.count});
  for (const std::string& path : paths)
    if (const auto part = named_part(path); !part || part->output != first->output) return "";
  const std::string_view whole = pattern;
  const std::size_t at = whole.rfind("00000-of-");
  return fmt::format("{}*{}", whole.substr(0, at), whole.substr(at + 5));
}

DataKeys without_first_label(DataKeys keys) {
  std::erase_if(keys, [](const auto& each) { return each.first == "first_label"; });
  return keys;
}

/// Those of the first file. Labels count from 1 where no file has a label 0.
DataKeys common_keys(std::span<const DatasetSummary> files) {
  for (const DatasetSummary& file : files)
    if (without_first_label(file.keys) == file.keys) return without_first_label(files.front().keys);
  return files.front().keys;
}

}  // namespace

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
  for (const SplitSummary& split : summary.splits) print_split(split, summary.classes, summary.scan, out);
  for (const auto& [name, reason] : summary.unusable)
    fmt::print(out, "\n{}: cannot be a split: {}\n", name, reason);
  if (!summary.others.empty()) fmt::print(out, "\nother datasets:\n");
  for (const ColumnSummary& column : summary.others)
    fmt::print(out, "  {:<20} {}\n", column.name, column_text(column));
  print_line(summary, out);
}

std::string reason_to_repack(const DatasetSummary& summary) {
  for (const SplitSummary& split : summary.splits) {
    if (!split.layout.trouble.empty()) return fmt::format("{}: {}", split.name, split.layout.trouble);
    const bool is_train = summary.found.train && split.images == summary.found.train->images_path();
    if (is_train && split.sorted_by_class && !split.layout.fits)
      return fmt::format("{}: rows are sorted by class, which a shuffle in windows mixes badly", split.name);
  }
  return "";
}

void print_sum(std::span<const DatasetSummary> files, std::ostream& out) {
  fmt::print(out, "\nall {} files:\n", files.size());
  std::vector<std::string> names;
  for (const char* split : {"train", "validation", "test"}) {
    std::uint64_t samples = 0, bytes = 0;
    std::vector<std::uint64_t> counts;
    for (const DatasetSummary& file : files)
      for (const SplitSummary& each : file.splits) {
        if (split_of_name(each.name) != split) continue;
        samples += each.samples;
        bytes += each.pixel_bytes;
        counts.resize(std::max(counts.size(), each.label_counts.size()));
        for (std::size_t k = 0; k < each.label_counts.size(); ++k) counts[k] += each.label_counts[k];
      }
    if (samples == 0) continue;
    SplitSummary sum;
    sum.samples = samples;
    sum.label_counts = counts;
    fmt::print(out, "{}: {} samples, {:.1f} MB in memory\n", split, samples,
               static_cast<double>(bytes) / 1e6);
    print_labels(sum, files.front().classes, out);
  }
  for (const DatasetSummary& file : files) names.push_back(file.path);
  if (const std::string pattern = pattern_of_parts(names); !pattern.empty()) names = {pattern};
  const DataKeys keys = common_keys(files);
  const bool alike = std::ranges::all_of(files, [&](const DatasetSummary& file) {
    return file.found.train && without_first_label(file.keys) == without_first_label(keys) &&
           file.classes == files.front().classes;
  });
  if (alike)
    fmt::print(out, "to train on all of them:\n  {}\n", config_line(names, keys));
  else
    fmt::print(out, "they are not read alike: no line reads all of them\n");
}

}  // namespace annulus::io
