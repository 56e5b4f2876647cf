// Tables of numbers as text, one sample a line: what spreadsheets and the UCI repository hand out.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "base/random.hpp"
#include "io/import/archive.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{4} << 30;
constexpr std::size_t kMostColumns = 1 << 20;

using Fields = std::vector<std::string>;

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// A number with a point, the whole field; infinities and NaN are none.
std::optional<float> number_of(const std::string& field) {
  const std::string_view text = field.starts_with('+') ? std::string_view(field).substr(1) : field;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto number = static_cast<float>(value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// The lines of a file that hold something, split into fields.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : path_(path), contents_(read_gzip_or_plain(path, kLargest)), rest_(text()) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // spreadsheets mark UTF-8 so
  }

  /// The next line's fields; nothing at the end. Empty lines and those that begin with # are passed over.
  std::optional<Fields> next() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view line = trimmed(rest_.substr(0, end));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++line_;
      if (line.empty() || line.front() == '#') continue;
      if (separator_ == 0) separator_ = separator_of(line);
      return split(line);
    }
    return std::nullopt;
  }
  std::string place() const { return fmt::format("{}, line {}", path_, line_); }
  const std::string& path() const { return path_; }
  const std::vector<std::byte>& contents() const { return contents_; }

 private:
  std::string_view text() const {
    return {reinterpret_cast<const char*>(contents_.data()), contents_.size()};
  }
  /// What the first line is separated by: the first of these that it has, else spaces. Where a comma stands
  /// for the point of numbers, columns are separated by semicolons.
  static char separator_of(std::string_view line) {
    for (const char candidate : {';', '\t', ','})
      if (line.find(candidate) != std::string_view::npos) return candidate;
    return ' ';
  }
  /// Fields may stand in double quotes, with "" for one inside (RFC 4180), but not go on over a line's end.
  Fields split(std::string_view line) const {
    Fields fields{""};
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[++i];
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && (c == separator_ || (separator_ == ' ' && c == '\t'))) {
        if (separator_ != ' ' || !fields.back().empty()) fields.emplace_back();
      } else {
        fields.back() += c;
      }
      if (fields.size() > kMostColumns)
        throw DataError("{}: has more than {} columns. Is this a table of samples?", place(), kMostColumns);
    }
    if (quoted) throw DataError("{}: a quotation mark is opened, but not closed on that line.", place());
    for (std::string& field : fields) field = trimmed(field);
    return fields;
  }

  std::string path_;
  std::vector<std::byte> contents_;
  std::string_view rest_;
  std::uint64_t line_ = 0;
  char separator_ = 0;
};

/// Samples of one file as they are read.
struct Table {
  std::string path;
  std::vector<std::byte> contents;
  Fields names;              ///< of the columns; empty without a header
  std::size_t label = 0;     ///< the column that holds the class
  bool label_named = false;  ///< because the user says so
  std::size_t columns = 0;   ///< values of a sample
  std::vector<float> values;
  std::vector<std::string> classes;  ///< of each sample
};

/// Number of the column that holds the class. @param usual  what it is called where nothing is wanted
std::size_t label_column(const std::string& wanted, const std::string& usual, const Fields& first,
                         bool header, const std::string& path) {
  if (wanted.empty()) {
    const auto same = header && !usual.empty() ? std::find(first.begin(), first.end(), usual) : first.end();
    return same == first.end() ? first.size() - 1 : static_cast<std::size_t>(same - first.begin());
  }
  const auto found = std::find(first.begin(), first.end(), wanted);
  if (header && found != first.end()) return static_cast<std::size_t>(found - first.begin());
  const std::string near = header ? nearest_name(wanted, first) : "";
  throw UsageError("{}: {}{} The class stands in the last column unless --label names another.", path,
                   header ? fmt::format("no column is called '{}'.", wanted)
                          : fmt::format("its first line holds no names, so there is no column '{}'.", wanted),
                   near.empty() ? "" : fmt::format(" Did you mean {}?", shown_name(near)));
}

/// What to do about a field that is no number.
std::string advice_for(const Fields& fields, std::size_t place, std::size_t label, const Table& table) {
  if (fields[place].find(',') != std::string::npos) return "Write numbers with a point, not with a comma.";
  const auto numbers = std::count_if(fields.begin(), fields.end(),
                                     [](const std::string& field) { return number_of(field).has_value(); });
  const bool lone = static_cast<std::size_t>(numbers) + 1 == fields.size();
  if (!lone || table.label_named || fields[place].empty()) return "Mend or drop that line.";
  const std::string column = table.names.empty() ? std::to_string(place + 1) : shown_name(table.names[place]);
  const bool plain = column.find_first_of(" '\"") == std::string::npos;
  return fmt::format(
      "The class is taken from column {}. If it stands in column {}, {}; else mend or drop that line.",
      table.names.empty() ? std::to_string(label + 1) : shown_name(table.names[label]), column,
      table.names.empty() ? "name the columns in a first line, and that one with --label"
                          : fmt::format("add --label {}", plain ? column : fmt::format("\"{}\"", column)));
}

void add_row(const Fields& fields, std::size_t label, const std::string& place, Table& table) {
  if (fields.size() != table.columns + 1)
    throw DataError("{}: has {} columns, but the first line has {}. Every line is one sample.", place,
                    fields.size(), table.columns + 1);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == label) continue;
    const std::optional<float> value = number_of(fields[i]);
    if (!value)
      throw DataError("{}: column {}{} holds {}, but all columns except that of the class hold numbers. {}",
                      place, i + 1,
                      table.names.empty() ? "" : fmt::format(" ({})", shown_name(table.names[i])),
                      quoted_name(fields[i]), advice_for(fields, i, label, table));
    table.values.push_back(*value);
  }
  if (fields[label].empty()) throw DataError("{}: its class is missing. Mend or drop that line.", place);
  table.classes.push_back(fields[label]);
}

/// @param usual_label  see label_column()
Table read_table(const std::string& path, const std::string& wanted_label, const std::string& usual_label) {
  Lines lines(path);
  std::optional<Fields> fields = lines.next();
  if (!fields || fields->size() < 2)
    throw DataError("{}: holds no table: lines of at least one number and a class, separated by commas.",
                    path);
  // Names are no numbers: a first line without any is a header, the class column of a row aside.
  const auto numbers = std::count_if(fields->begin(), fields->end(),
                                     [](const std::string& field) { return number_of(field).has_value(); });
  const bool header = numbers == 0;
  const std::size_t label = label_column(wanted_label, usual_label, *fields, header, path);
  Table table{
      .path = path, .label = label, .label_named = !wanted_label.empty(), .columns = fields->size() - 1};
  if (header) {
    table.names = *fields;
    fields = lines.next();
  }
  for (; fields; fields = lines.next()) add_row(*fields, label, lines.place(), table);
  if (table.classes.empty()) throw DataError("{}: has a header, but no samples below it.", path);
  table.contents = lines.contents();
  return table;
}

/// What the values of a sample are called; nothing without a header.
Fields value_names_of(const Table& table) {
  Fields names = table.names;
  if (!names.empty()) names.erase(names.begin() + static_cast<std::ptrdiff_t>(table.label));
  return names;
}

/// Where each column stands, by its name. @throws DataError for a name that stands there twice
std::map<std::string, std::size_t> places_of(const Fields& names, const std::string& path,
                                             const std::string& other_path) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!places.emplace(names[i], i).second)
      throw DataError(
          "{}: two columns are called {}, and the columns do not stand as in {}, so they cannot be taken by name. Give each a name of its own.",
          path, quoted_name(names[i]), other_path);
  return places;
}

[[noreturn]] void refuse_header(const std::string& name, const Fields& others, const std::string& path,
                                const std::string& other_path) {
  const std::string near = nearest_name(name, others);
  throw DataError(
      "{}: no column of values is called {}, as one of {} is.{} The columns of the two files are taken by name: mend the names, or, if the columns stand in the same order, take the line of names out of {}.",
      other_path, quoted_name(name), path, near.empty() ? "" : fmt::format(" Is it {}?", quoted_name(near)),
      other_path);
}

/// Brings the values of another table into the order of the first one's, by name.
void order_values(const Table& first, Table& other) {
  const Fields names = value_names_of(first), others = value_names_of(other);
  if (names == others) return;
  if (names.empty() || others.empty()) {
    log_warning("{}: its columns are taken as they stand, since {} has no line of names.", other.path,
                names.empty() ? first.path : "it");
    return;
  }
  places_of(names, first.path, other.path);  // each its own
  const std::map<std::string, std::size_t> known = places_of(others, other.path, first.path);
  std::vector<std::size_t> places;
  for (const std::string& name : names) {
    if (!known.contains(name)) refuse_header(name, others, first.path, other.path);
    places.push_back(known.at(name));
  }
  std::vector<float> row(places.size());
  for (auto value = other.values.begin(); value != other.values.end();) {
    for (std::size_t i = 0; i < places.size(); ++i) row[i] = value[static_cast<std::ptrdiff_t>(places[i])];
    value = std::copy(row.begin(), row.end(), value);
  }
  log_info("{}: its columns stand otherwise than those of {} and are taken by name.", other.path, first.path);
}

/// All classes, in the order of numbers where all of them are, else of the alphabet.
std::vector<std::string> class_names_of(const std::vector<Table>& tables) {
  std::vector<std::string> names;
  for (const Table& table : tables) names.insert(names.end(), table.classes.begin(), table.classes.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const bool numbers = std::all_of(names.begin(), names.end(),
                                   [](const std::string& name) { return number_of(name).has_value(); });
  if (numbers)
    std::stable_sort(names.begin(), names.end(),
                     [](const auto& a, const auto& b) { return *number_of(a) < *number_of(b); });
  constexpr std::size_t kMost = 1000;
  if (names.size() > kMost)
    throw DataError(
        "{}: its class column has {} different entries, such as {} and {}. Is it a column of values? --label names that of the class.",
        tables.front().path, names.size(), quoted_name(names.front()), quoted_name(names.back()));
  return names;
}

/// Rows of a table, in their order. @param table  outlives the split
ImportSplit make_split(const std::string& name, const Table& table, const std::vector<std::string>& classes,
                       std::vector<std::uint64_t> rows) {
  std::map<std::string, std::int32_t> numbers;
  for (std::size_t k = 0; k < classes.size(); ++k) numbers[classes[k]] = static_cast<std::int32_t>(k);
  ImportSplit split{name, {}, {}};
  for (const std::uint64_t row : rows) split.labels.push_back(numbers.at(table.classes[row]));
  split.pixels = [&table, rows = std::move(rows)](std::uint64_t i, std::span<std::byte> pixels) {
    std::memcpy(pixels.data(), table.values.data() + rows[i] * table.columns, pixels.size());
  };
  return split;
}

/// The rows of a table by split: a share of them, chosen by the seed, is for the test.
struct SplitRows {
  std::vector<std::uint64_t> train, test;
};
SplitRows split_rows(std::size_t rows, double test_fraction, std::uint64_t seed) {
  const auto wanted = static_cast<std::uint64_t>(std::llround(test_fraction * static_cast<double>(rows)));
  if (test_fraction > 0 && (wanted == 0 || wanted >= rows))
    throw UsageError(
        "A test fraction of {} of {} samples leaves one of the two splits empty. Choose another.",
        test_fraction, rows);
  constexpr std::uint64_t kTest = 1;  // beside the permutation that chooses validation rows
  const Permutation order(seed, kTest, rows);
  std::vector<bool> chosen(rows, false);
  for (std::uint64_t i = 0; i < wanted; ++i) chosen[order(i)] = true;
  SplitRows result;
  for (std::uint64_t row = 0; row < rows; ++row) (chosen[row] ? result.test : result.train).push_back(row);
  return result;
}

}  // namespace

void import_table(const ImportOptions& options, const TableOptions& own, const ProgressCallback& progress) {
  check_import_options(options);
  if (!(own.test_fraction >= 0 && own.test_fraction < 1))
    throw UsageError("The test fraction is {}, but it must be at least 0 and below 1.", own.test_fraction);
  if (own.test_fraction > 0 && !own.test.empty())
    throw UsageError(
        "Test samples come from {}, so none are taken from {}. Leave out the test fraction or the test file.",
        own.test, options.source);
  std::vector<Table> tables;
  for (const std::string& path : {options.source, own.test}) {
    if (path.empty()) continue;
    report(progress, tables.size(), own.test.empty() ? 1 : 2, "reading " + file_name(path));
    const std::string usual =
        tables.empty() || tables[0].names.empty() ? "" : tables[0].names[tables[0].label];
    tables.push_back(read_table(path, own.label, usual));
  }
  if (tables.back().columns != tables.front().columns)
    throw DataError("{} has {} values per sample and {} {}. Do the files belong together?",
                    tables.front().path, tables.front().columns, tables.back().path, tables.back().columns);
  if (tables.size() > 1) order_values(tables.front(), tables.back());
  ImportedData data{.shape = {.channels = static_cast<std::int64_t>(tables.front().columns), .flat = true},
                    .pixels = PixelType::float32,
                    .classes = class_names_of(tables),
                    .description = "table " + file_name(options.source),
                    .columns = value_names_of(tables.front())};
  for (const Table& table : tables) {
    data.provenance.emplace_back(
        file_name(table.path),
        fmt::format("{} bytes uncompressed, xxh64 {}", table.contents.size(), content_hash(table.contents)));
    SplitRows rows = split_rows(table.classes.size(), own.test_fraction, options.seed);
    const bool first = data.splits.empty();
    data.splits.push_back(make_split(first ? "train" : "test", table, data.classes, std::move(rows.train)));
    if (!rows.test.empty())
      data.splits.push_back(make_split("test", table, data.classes, std::move(rows.test)));
  }
  if (own.test_fraction > 0)
    data.provenance.emplace_back("test", fmt::format("{} of all, seed {}", own.test_fraction, options.seed));
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
