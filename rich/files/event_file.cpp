// A file comes from a person: every count is checked against the columns before it is used, every value
// before somebody calculates with it.
#include "rich/files/event_file.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::rich {
namespace {

/// Sums of counts, from 0 on. @throws DataError unless they add up to `rows`
std::vector<std::uint64_t> sums_of(const io::Hdf5File& file, const std::string& counts, std::uint64_t rows) {
  std::vector<std::uint64_t> sums{0};
  for (const std::int32_t count : file.read<std::int32_t>(counts)) {
    if (count < 0)
      throw DataError("{}, {}: row {} is {}, a negative count. The file is damaged; simulate it again.",
                      file.path(), counts, sums.size() - 1, count);
    sums.push_back(sums.back() + static_cast<std::uint64_t>(count));
  }
  if (sums.back() != rows)
    throw DataError(
        "{}, {}: adds up to {}, but there are {} rows to count. Rows were added or removed; simulate the file again.",
        file.path(), counts, sums.back(), rows);
  return sums;
}

/// Says which value of which column is wrong.
struct Values {
  const std::string& file;
  const char* column;
  std::uint64_t first_row;

  template <class Column, class Rule>
  void check(const Column& values, std::size_t row_size, const char* rule_text, Rule&& rule) const {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!rule(values[i]))
        throw DataError(
            "{}, {}: row {} is {}, but must be {}. Correct or remove the event, or simulate the file again.",
            file, column, first_row + i / row_size, values[i], rule_text);
  }
};

/// Hits of an event come in the order of their channels, each once.
void check_order(const Values& where, const std::vector<std::int32_t>& channels,
                 const std::vector<std::int32_t>& hit_counts) {
  std::size_t next = 0;
  for (const std::int32_t hits : hit_counts) {
    const auto first = channels.begin() + static_cast<std::ptrdiff_t>(next);
    const auto last = first + hits;
    const auto wrong = std::adjacent_find(first, last, std::greater_equal<>{});
    if (wrong != last) {
      throw DataError(
          "{}, {}: row {} does not lie above the row before it. Hits of an event come in the order of their channels, each once; simulate the file again.",
          where.file, where.column,
          where.first_row + static_cast<std::uint64_t>(wrong - channels.begin()) + 1);
    }
    next += static_cast<std::size_t>(hits);
  }
}

}  // namespace

void require_species(const io::Hdf5File& file, const std::string& object) {
  if (!file.has_attribute(object, "species")) return;
  const std::vector<std::string> found = file.strings_attribute(object, "species");
  const std::vector<std::string> known = words_list<Species>();
  if (found == known) return;
  throw DataError(
      "{}: the attribute `species` of {} numbers the particles {}, but this program numbers them {}: a kaon there would be another particle here. Renumber the columns and the attribute, or make the file again.",
      file.path(), object, shown_names(found), fmt::join(known, ", "));
}

EventFile::EventFile(const std::string& path) : file_(io::Hdf5File::open(path)) {
  const bool tagged = file_.has_attribute("/", "schema");
  if (!tagged || file_.string_attribute("/", "schema") != kEventSchema)
    throw DataError(
        "{}: holds no simulated RICH events (its root attribute `schema` is not {}). `annulus rich simulate` makes such a file.",
        path, kEventSchema);
  read_options();
  detector_ = make_detector(options_.preset);
  check_columns();
  read_counts();
}

void EventFile::read_options() {
  require_species(file_, "/");
  const auto number = [this](const char* name) { return file_.double_attribute("/", name); };
  options_.preset = preset_named(file_.string_attribute("/", "preset"));
  const auto mix = enum_of<Mix>(file_.string_attribute("/", "mix"));
  if (!mix)
    throw DataError("{}: its attribute `mix` names no species mix that this program knows. Is it newer?",
                    file_.path());
  options_.mix = *mix;
  options_.seed = file_.uint64_attribute("/", "seed");
  options_.tracks = number("tracks");
  options_.lowest_momentum = number("lowest_momentum");
  options_.highest_momentum = number("highest_momentum");
  options_.ghosts_per_track = number("ghosts_per_track");
  options_.noise = {number("noise_rich1"), number("noise_rich2")};
  options_.quality = {.momentum_error = number("momentum_error"),
                      .smear_scale = number("smear_scale"),
                      .tail_fraction = number("tail_fraction"),
                      .tail_scale = number("tail_scale"),
                      .lost_fraction = number("lost_fraction")};
  options_.validation_fraction = number("validation_fraction");
  options_.test_fraction = number("test_fraction");
}

/// Every column has the rows of its group's first one, and rows of the right shape.
void EventFile::check_columns() const {
  std::map<std::string, std::uint64_t> group_rows;
  const EventColumns none;
  EventColumns::visit(none, [&](const std::string& name, const auto&, const auto& row) {
    const io::DatasetInfo info = file_.dataset(name).info();
    Extents wanted{static_cast<std::int64_t>(info.rows())};
    wanted.insert(wanted.end(), row.begin(), row.end());
    const auto [group, is_new] = group_rows.emplace(name.substr(0, name.find('/')), info.rows());
    if (info.extents != wanted || group->second != info.rows())
      throw DataError(
          "{}, {}: has the shape {}, but one row of {} values is needed for each of the {} rows of {}. Simulate the file again.",
          file_.path(), name, fmt::join(info.extents, " x "), element_count(row), group->second,
          group->first);
    io::checked_bytes(info, file_.path(), name);
  });
}

void EventFile::read_counts() {
  first_track_ = sums_of(file_, "events/track_count", file_.dataset("tracks/species").info().rows());
  for (std::size_t i = 0; i < kRichCount; ++i) {
    const std::string rich = i == 0 ? "rich1" : "rich2";
    first_hit_[i] =
        sums_of(file_, "events/" + rich + "_hit_count", file_.dataset(rich + "_hits/channel").info().rows());
  }
  for (const std::uint8_t split : file_.read<std::uint8_t>("events/split")) {
    if (split >= enum_words<Split>().size())
      throw DataError("{}, events/split: row {} is {}, but splits are 0 (train), 1 and 2 (test).",
                      file_.path(), splits_.size(), split);
    splits_.push_back(static_cast<Split>(split));
  }
}

std::vector<Event> EventFile::read(std::uint64_t first, std::uint64_t count) const {
  expect_contract(first <= events() && count <= events() - first, "the events to read are in the file");
  EventColumns columns;
  EventColumns::visit(columns, [&](const std::string& name, auto& column, const auto&) {
    std::uint64_t begin = first;
    std::uint64_t end = first + count;
    const auto rows_of = [&](const std::vector<std::uint64_t>& sums) {
      begin = sums[first];
      end = sums[first + count];
    };
    if (name.starts_with("tracks/")) rows_of(first_track_);
    if (name.starts_with("rich1_hits/")) rows_of(first_hit_[0]);
    if (name.starts_with("rich2_hits/")) rows_of(first_hit_[1]);
    const io::Hdf5Dataset dataset = file_.dataset(name);
    column.resize((end - begin) * dataset.row_size());
    dataset.read_rows(begin, end - begin, std::span(column));
  });
  check_values(columns, first);
  return columns.to_events();
}

void EventFile::check_values(const EventColumns& columns, std::uint64_t first) const {
  const std::uint64_t track = first_track_[first];
  const auto finite = [](float value) { return std::isfinite(value); };
  const auto positive = [](float value) { return std::isfinite(value) && value > 0; };
  const std::string& path = file_.path();
  constexpr std::size_t kStates = kRichCount * EventColumns::kStateSize;
  Values{path, "tracks/species", track}.check(columns.species, 1, "a species, 0 to 5",
                                              [](std::uint8_t value) { return value < kSpeciesCount; });
  Values{path, "tracks/momentum", track}.check(columns.momentum, 1, "above zero", positive);
  Values{path, "tracks/true_momentum", track}.check(columns.true_momentum, 1, "above zero", positive);
  Values{path, "tracks/state", track}.check(columns.state, kStates, "finite", finite);
  Values{path, "tracks/true_state", track}.check(columns.true_state, kStates, "finite", finite);
  for (const Rich& rich : detector_.riches) {
    const std::size_t i = index_of(rich.id);
    const char* name = i == 0 ? "rich1_hits/channel" : "rich2_hits/channel";
    const auto channels = static_cast<std::int32_t>(rich.channels());
    Values{path, name, first_hit_[i][first]}.check(
        columns.channel[i], 1, "a channel of the detector",
        [channels](std::int32_t value) { return value >= 0 && value < channels; });
    check_order({path, name, first_hit_[i][first]}, columns.channel[i], columns.hit_count[i]);
  }
}

}  // namespace annulus::rich
