// Every form ends in class numbers without loss, or in a sentence that says which row has none.
#include "io/dataset/labels.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.hpp"

namespace annulus::io {
namespace {

constexpr std::int64_t kMostClasses = 1'000'000;
constexpr std::uint64_t kBlock = 1 << 16;

/// Labels stay in memory, whatever the images do.
void check_label_memory(std::uint64_t rows, const std::string& place) {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  const auto page_bytes = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
  const std::uint64_t most = pages * page_bytes / 2 / sizeof(std::int32_t);
  if (rows <= most) return;
  throw DataError(
      "{}: has {} rows, but the labels of at most {} fit into half the memory of this machine. If the file is not damaged, split it.",
      place, rows, most);
}

bool is_row_of_labels(const Extents& extents, std::uint64_t samples) {
  return extents.size() == 2 && extents[0] == 1 && extents[1] > 1 &&
         (samples == 0 || static_cast<std::uint64_t>(extents[1]) == samples);
}

bool is_one_hot(const Extents& extents, std::uint64_t samples) {
  return extents.size() == 2 && extents[1] > 1 && !is_row_of_labels(extents, samples);
}

void check_form(const DatasetInfo& info, std::uint64_t samples, const std::string& place) {
  const Extents& extents = info.extents;
  const bool list = !extents.empty() &&
                    std::all_of(extents.begin() + 1, extents.end(), [](std::int64_t e) { return e == 1; });
  if (!list && !is_row_of_labels(extents, samples) && !is_one_hot(extents, samples))
    throw DataError("{}: has the shape ({}), but labels have the shape (N): a class number per image.", place,
                    fmt::join(extents, ", "));
  if (!info.type.is_integer() && info.type.kind != StoredType::Kind::real)
    throw DataError(
        "{}: holds {} values, but labels are class numbers. Write numbers instead, for example with numpy: names, numbers = np.unique(labels, return_inverse=True), and the names into the attribute `classes`.",
        place, to_string(info.type));
}

/// Values of a dataset in the order of its rows, a block at a time.
/// @param visit  called with the number of the first value and the values
template <class Value, class Visit>
void visit_blocks(const Hdf5Dataset& source, Visit&& visit) {
  const DatasetInfo& info = source.info();
  const std::uint64_t row = source.row_size();
  const std::uint64_t step = std::max<std::uint64_t>(1, kBlock / std::max<std::uint64_t>(1, row));
  std::vector<Value> block;
  for (std::uint64_t first = 0; first < info.rows(); first += step) {
    const std::uint64_t rows = std::min(step, info.rows() - first);
    block.resize(rows * row);
    source.read_rows(first, rows, std::span<Value>(block));
    visit(first * row, std::span<const Value>(block));
  }
}

/// Everything about one label dataset that is being read.
class LabelReader {
 public:
  LabelReader(const Hdf5File& file, const std::string& name, const LabelRules& rules)
      : source_(file.dataset(name)), rules_(rules), place_(file.path() + ", " + name) {
    const DatasetInfo& info = source_.info();
    check_form(info, rules.samples, place_);
    checked_bytes(info, file.path(), name);
    check_label_memory(count_labels(info, rules.samples), place_);
    if (is_one_hot(info.extents, rules.samples)) check_label_memory(source_.row_size(), place_);
  }

  Labels read() {
    const DatasetInfo& info = source_.info();
    const bool real = info.type.kind == StoredType::Kind::real;
    labels_.smallest = std::numeric_limits<std::int64_t>::max();
    if (is_one_hot(info.extents, rules_.samples)) {
      if (real)
        read_one_hot<double>();
      else
        read_one_hot<std::int64_t>();
      labels_.smallest = 0;  // columns count from 0
      labels_.note = fmt::format("the column of the 1 in each row of ({}) is its class number",
                                 fmt::join(info.extents, ", "));
    } else if (real) {
      read_reals();
      labels_.note =
          fmt::format("{} values, all of them whole, are read as class numbers", to_string(info.type));
    } else {
      visit_blocks<std::int64_t>(source_, [this](std::uint64_t, std::span<const std::int64_t> block) {
        for (const std::int64_t label : block) add(label);
      });
    }
    if (labels_.numbers.empty()) labels_.smallest = 0;
    note_form();
    return std::move(labels_);
  }

 private:
  /// What was said of the values, and how their shape or type was taken.
  void note_form() {
    const DatasetInfo& info = source_.info();
    const bool one_hot = is_one_hot(info.extents, rules_.samples);
    std::vector<std::string> parts;
    if (!labels_.note.empty()) parts.push_back(labels_.note);
    if (info.type.is_bool && !one_hot)
      parts.emplace_back("bool values are read as class numbers, false as 0 and true as 1");
    if (info.extents.size() > 1 && !one_hot)
      parts.push_back(fmt::format("({}) is read as a class number for each of {} samples",
                                  fmt::join(info.extents, ", "), labels_.numbers.size()));
    labels_.note = fmt::format("{}", fmt::join(parts, "; "));
  }

  void add(std::int64_t label) {
    if (label < rules_.first || label >= kMostClasses + rules_.first) refuse(label);
    const std::int64_t number = label - rules_.first;
    if (rules_.classes > 0 && static_cast<std::uint64_t>(number) >= rules_.classes) refuse(label);
    labels_.smallest = std::min(labels_.smallest, label);
    labels_.numbers.push_back(static_cast<std::int32_t>(number));
  }

  void read_reals() {
    visit_blocks<double>(source_, [this](std::uint64_t first, std::span<const double> block) {
      for (std::size_t i = 0; i < block.size(); ++i) {
        constexpr double kSafe = 1e15;
        if (!(std::abs(block[i]) < kSafe) || std::floor(block[i]) != block[i])
          throw DataError(
              "{}: row {} has the label {}, which is not a class number. Does the dataset hold measured values or probabilities? Training here learns classes: name the dataset of class numbers, or write one.",
              place_, first + i, block[i]);
        add(static_cast<std::int64_t>(block[i]));
      }
    });
  }

  template <class Value>
  void read_one_hot() {
    const auto columns = static_cast<std::size_t>(source_.row_size());
    visit_blocks<Value>(source_, [&](std::uint64_t first, std::span<const Value> block) {
      for (std::size_t at = 0; at < block.size(); at += columns) {
        const auto row = block.subspan(at, columns);
        const auto ones = std::ranges::count(row, Value{1});
        const auto zeros = std::ranges::count(row, Value{0});
        if (ones != 1 || static_cast<std::size_t>(ones + zeros) != columns)
          refuse_row((first + at) / columns, static_cast<std::size_t>(ones),
                     static_cast<std::size_t>(ones + zeros) == columns);
        add(rules_.first + (std::ranges::find(row, Value{1}) - row.begin()));
      }
    });
  }

  [[noreturn]] void refuse_row(std::uint64_t row, std::size_t ones, bool zeros_and_ones) const {
    const std::string shape = fmt::format("({})", fmt::join(source_.info().extents, ", "));
    if (!zeros_and_ones)
      throw DataError(
          "{}: has the shape {}, but one class number per image is needed, and row {} is not one-hot either (a single 1 among zeros). If one of the columns holds the class numbers, write that one as a dataset of its own, e.g. labels[:, 0]; a row of probabilities has no class number.",
          place_, shape, row);
    throw DataError(
        "{}: has the shape {}, and row {} marks {} classes, but training here learns exactly one class per image (this looks like multi-label data). Write one column as a dataset of its own, e.g. labels[:, 0], and train a network of two classes for each.",
        place_, shape, row, ones == 0 ? "no" : std::to_string(ones));
  }

  /// Reads all labels once more, for what they tell together.
  [[noreturn]] void refuse(std::int64_t label) const {
    const std::size_t row = labels_.numbers.size();
    std::int64_t smallest = label;
    std::int64_t largest = label;
    bool signs = true;  // all are -1 or 1
    const auto look = [&](auto value) {
      const auto whole = static_cast<std::int64_t>(value);
      smallest = std::min(smallest, whole);
      largest = std::max(largest, whole);
      signs = signs && (whole == 1 || whole == -1);
    };
    if (source_.info().type.kind != StoredType::Kind::real)
      visit_blocks<std::int64_t>(source_,
                                 [&](std::uint64_t, auto block) { std::ranges::for_each(block, look); });
    const std::string where = fmt::format("{}: row {} has the label {}", place_, row, label);
    if (label < rules_.first && signs && smallest < largest)
      throw DataError("{}, but class numbers start at 0. Write (labels + 1) // 2: -1 and 1 become 0 and 1.",
                      where);
    if (label < rules_.first) {
      throw DataError(
          "{}, but class numbers start at {}{}.", where, rules_.first,
          smallest < 0
              ? ". Mend or drop that row"
              : fmt::format(
                    " (data.first_label). If this file counts from {0}, set data.first_label={0}; mend that row otherwise",
                    smallest));
    }
    if (rules_.classes > 0 && rules_.first == 0 && smallest == 1 &&
        largest == static_cast<std::int64_t>(rules_.classes))
      throw DataError(
          "{}, but class numbers start at 0, and the file's attribute `classes` names {} classes: the labels run from 1 to {}, label 0 never occurs. If they count from 1, set data.first_label to 1. Mend that row otherwise.",
          where, rules_.classes, largest);
    if (rules_.classes > 0 && label < kMostClasses)
      throw DataError(
          "{}, but the file's attribute `classes` names {} classes ({} to {}). Mend the label, or complete the list.",
          where, rules_.classes, rules_.first, rules_.first + static_cast<std::int64_t>(rules_.classes) - 1);
    throw DataError("{}, which looks like no class number. Is this the right dataset?", where);
  }

  Hdf5Dataset source_;
  LabelRules rules_;
  std::string place_;
  Labels labels_;
};

}  // namespace

std::uint64_t count_labels(const DatasetInfo& info, std::uint64_t samples) {
  return is_row_of_labels(info.extents, samples) ? static_cast<std::uint64_t>(info.extents[1]) : info.rows();
}

Labels read_labels(const Hdf5File& file, const std::string& name, const LabelRules& rules) {
  return LabelReader(file, name, rules).read();
}

}  // namespace annulus::io
