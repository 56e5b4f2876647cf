// See repack_rows.hpp.
#include "io/survey/repack_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::io {
namespace {

bool is_number(const StoredType& type) { return type.is_integer() || type.kind == StoredType::Kind::real; }

/// The smallest type of those that are written that holds all stored values.
ElementType type_to_write(const StoredType& stored) {
  if (stored.kind == StoredType::Kind::real)
    return stored.bytes <= sizeof(float) ? ElementType::float32 : ElementType::float64;
  if (stored.kind == StoredType::Kind::unsigned_integer) {
    if (stored.bytes == 1) return ElementType::uint8;
    if (stored.bytes == 8) return ElementType::uint64;
    return stored.bytes < sizeof(std::int32_t) ? ElementType::int32 : ElementType::int64;
  }
  return stored.bytes <= sizeof(std::int32_t) ? ElementType::int32 : ElementType::int64;
}

std::size_t bytes_of(ElementType type) {
  if (type == ElementType::uint8) return 1;
  return type == ElementType::int32 || type == ElementType::float32 ? 4 : 8;
}

std::vector<std::string> names_of_values(const Hdf5File& file, const std::string& path) {
  try {
    if (file.has_attribute(path, "columns")) return file.strings_attribute(path, "columns");
  } catch (const DataError&) {  // something else that a foreign file calls so
  }
  return {};
}

RepackColumn column_at(const Hdf5File& file, const std::string& path) {
  const Hdf5Dataset dataset = file.dataset(path);
  const DatasetInfo& info = dataset.info();
  if (!is_number(info.type) || info.extents.empty())
    throw DataError("{}, {}: holds {} values, but a column that is kept holds numbers. Leave it out.",
                    file.path(), path, to_string(info.type));
  checked_bytes(info, file.path(), path);
  RepackColumn column{.name = path.substr(path.rfind('/') + 1),
                      .type = type_to_write(info.type),
                      .extents = info.extents,
                      .names = names_of_values(file, path)};
  column.extents.front() = 0;
  column.row_bytes = dataset.row_size() * bytes_of(column.type);
  if (column.row_bytes == 0)
    throw DataError("{}, {}: holds no values in its rows. Leave it out.", file.path(), path);
  return column;
}

/// Rows of a dataset as values of the type that is written.
void read_values(const Hdf5Dataset& dataset, ElementType type, std::uint64_t first, std::uint64_t count,
                 std::vector<std::byte>& values) {
  const auto read = [&]<class T>(T) {
    values.resize(count * dataset.row_size() * sizeof(T));
    dataset.read_rows(first, count,
                      std::span(reinterpret_cast<T*>(values.data()), values.size() / sizeof(T)));
  };
  switch (type) {
    case ElementType::uint8:
      return read(std::uint8_t{});
    case ElementType::int32:
      return read(std::int32_t{});
    case ElementType::int64:
      return read(std::int64_t{});
    case ElementType::uint64:
      return read(std::uint64_t{});
    case ElementType::float32:
      return read(float{});
    case ElementType::float64:
      return read(double{});
  }
}

/// Puts `count` values of `bytes` each into every row at `offset`.
void scatter(std::span<const std::byte> values, std::size_t bytes, std::size_t row_bytes, std::size_t offset,
             std::span<std::byte> rows) {
  for (std::size_t row = 0; row * row_bytes < rows.size(); ++row)
    std::memcpy(rows.data() + row * row_bytes + offset, values.data() + row * bytes, bytes);
}

}  // namespace

std::vector<std::string> columns_of(const std::string& path, const std::string& group,
                                    const RepackSplit& split, std::vector<std::string>& left_out) {
  const Hdf5File file = Hdf5File::open(path);
  const auto rows = static_cast<std::uint64_t>(
      images_first(split.data.axes, file.dataset(split.data.images).info().extents).front());
  std::vector<std::string> columns;
  for (const std::string& member : file.members(group)) {
    const std::string name = group + "/" + member;
    if (name == split.data.images || name == split.data.labels || !file.exists(name) ||
        !file.is_dataset(name))
      continue;
    try {
      const DatasetInfo info = file.dataset(name).info();
      if (info.extents.empty() || info.rows() != rows || std::ranges::count(info.extents, 0) > 0) continue;
      (is_number(info.type) ? columns : left_out).push_back(name);
    } catch (const DataError&) {
      left_out.push_back(name);
    }
  }
  return columns;
}

RepackRows::FileState::FileState(const std::string& path)
    : bytes(std::filesystem::file_size(path)), written(std::filesystem::last_write_time(path)) {}

RepackRows::RepackRows(const std::vector<RepackSplit>& parts) : name_(parts.front().name) {
  for (const RepackSplit& split : parts) add(split);
}

void RepackRows::add(const RepackSplit& split) {
  const FileState state(split.data.path);
  const DatasetColumns images(split.data);
  for (const std::string& note : images.notes()) log_info("{}", note);
  if (!parts_.empty()) check_alike(images.info());
  add_columns(split, Hdf5File::open(split.data.path), images.info().samples);
  pixel_bytes_ = images.row_bytes();
  longest_chunk_ = std::max(longest_chunk_, images.chunk_rows());
  parts_.push_back({split, state, labels_.size(), images.info().samples});
  infos_.push_back(images.info());
  labels_.insert(labels_.end(), images.labels().begin(), images.labels().end());
}

void RepackRows::check_alike(const SourceInfo& other) const {
  const SourceInfo& one = info();
  if (one.shape == other.shape && one.pixels == other.pixels) {
    if (one.form == other.form && one.value_names == other.value_names) return;
    throw DataError(
        "{} and {} hold images of one shape that mean different things: {}. One data set holds images of one form.",
        one.name, other.name,
        one.form != other.form ? fmt::format("\"{}\" and \"{}\"", one.form, other.form)
                               : "their values have other names");
  }
  const auto text = [](const SourceInfo& info) {
    return fmt::format("({}) {}", to_string(info.shape),
                       info.pixels == PixelType::uint8 ? "uint8" : "float32");
  };
  throw DataError("{} holds images of {} and {} of {}: one data set holds images of one form.", one.name,
                  text(one), other.name, text(other));
}

void RepackRows::add_columns(const RepackSplit& split, const Hdf5File& file, std::uint64_t rows) {
  std::vector<RepackColumn> columns;
  for (const std::string& path : split.columns) {
    columns.push_back(column_at(file, path));
    if (const std::uint64_t found = file.dataset(path).info().rows(); found < rows)
      throw DataError("{}, {}: has {} rows for {} images.", split.data.path, path, found, rows);
  }
  if (parts_.empty()) {
    columns_ = std::move(columns);
    for (const RepackColumn& column : columns_) column_bytes_ += column.row_bytes;
    return;
  }
  const auto alike = [](const RepackColumn& a, const RepackColumn& b) {
    return a.name == b.name && a.type == b.type && a.extents == b.extents && a.names == b.names;
  };
  if (std::ranges::equal(columns, columns_, alike)) return;
  const auto names = [](const std::vector<RepackColumn>& all) {
    std::vector<std::string> texts;
    for (const RepackColumn& each : all)
      texts.push_back(
          fmt::format("{} ({})", each.name, fmt::join(each.extents.begin() + 1, each.extents.end(), ", ")));
    return texts.empty() ? std::string("none") : fmt::format("{}", fmt::join(texts, ", "));
  };
  throw DataError(
      "{}: {} has other further columns, names of their values or types than the file before it ({} here, {} there). Name those that all files have with --columns, or leave them out with --no-columns.",
      split.data.path, split.name, names(columns), names(columns_));
}

std::uint64_t RepackRows::step() const {
  constexpr std::uint64_t kBytes = 8 << 20;
  return longest_chunk_ * std::max<std::uint64_t>(1, kBytes / row_bytes() / longest_chunk_);
}

void RepackRows::read(std::uint64_t first, std::uint64_t count, std::span<std::byte> rows) const {
  for (const Part& part : parts_) {
    const std::uint64_t end = part.begin + part.rows;
    if (count == 0 || first >= end) continue;
    const std::uint64_t here = std::min(count, end - first);
    read_part(part, first - part.begin, here, rows.first(here * row_bytes()));
    rows = rows.subspan(here * row_bytes());
    first += here;
    count -= here;
  }
}

const RepackRows::Opened& RepackRows::open(const Part& part) const {
  if (opened_.part == &part) return opened_;
  opened_ = {};
  DatasetOptions data = part.split.data;
  data.labels = "";  // are known
  opened_.images = std::make_unique<DatasetColumns>(data);
  opened_.file = std::make_unique<Hdf5File>(Hdf5File::open(data.path));
  for (const std::string& path : part.split.columns) opened_.columns.push_back(opened_.file->dataset(path));
  if (FileState(data.path) != part.state)
    throw DataError("{}: has been written to since it was opened. Start again when nothing writes it.",
                    data.path);
  opened_.part = &part;
  return opened_;
}

void RepackRows::read_part(const Part& part, std::uint64_t first, std::uint64_t count,
                           std::span<std::byte> rows) const {
  const Opened& opened = open(part);
  if (columns_.empty()) {
    opened.images->read_pixels(first, count, rows);
  } else {
    std::vector<std::byte> values(count * pixel_bytes());
    opened.images->read_pixels(first, count, values);
    scatter(values, pixel_bytes(), row_bytes(), 0, rows);
    std::size_t offset = pixel_bytes();
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      read_values(opened.columns[k], columns_[k].type, first, count, values);
      scatter(values, columns_[k].row_bytes, row_bytes(), offset, rows);
      offset += columns_[k].row_bytes;
    }
  }
  opened.images->check_unchanged();
}

}  // namespace annulus::io
