// Validation of a split: every rule ends in a sentence with file, dataset and row.
#include "io/dataset/columns.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

namespace annulus::io {
namespace {

constexpr std::int64_t kMostClasses = 1'000'000;

std::string shape_text(const Extents& extents) { return fmt::format("({})", fmt::join(extents, ", ")); }

/// "cifar10.h5:train" from the file and the group of the images.
std::string source_name(const DatasetOptions& options) {
  const std::string file = std::filesystem::path(options.path).filename().string();
  const std::string name =
      options.images.substr(std::min(options.images.find_first_not_of('/'), options.images.size()));
  return file + ":" + name.substr(0, name.rfind('/'));
}

void check_same_rows(const DatasetOptions& options, std::uint64_t images, std::uint64_t labels) {
  if (images == labels) return;
  throw DataError(
      "{}: {} has {} rows, but {} has {}; every image needs exactly one label. Do the two names belong together?",
      options.path, options.images, images, options.labels, labels);
}

void check_label(std::int64_t label, std::uint64_t row, std::uint64_t classes, const std::string& place) {
  if (label < 0)
    throw DataError("{}: row {} has the label {}, but class numbers start at 0. Mend or drop that row.",
                    place, row, label);
  if (classes > 0 && label >= static_cast<std::int64_t>(classes))
    throw DataError(
        "{}: row {} has the label {}, but the file's attribute `classes` names {} classes (0 to {}). Mend the label, or complete the list.",
        place, row, label, classes, classes - 1);
  if (label >= kMostClasses)
    throw DataError(
        "{}: row {} has the label {}, which looks like no class number. Is this the right dataset?", place,
        row, label);
}

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

/// Label datasets that are not a list of class numbers.
void check_label_form(const DatasetInfo& info, const std::string& place) {
  const bool column = info.extents.size() == 2 && info.extents[1] == 1;
  if (info.extents.size() == 2 && !column)
    throw DataError(
        "{}: has the shape {}, but one class number per image is needed. One-hot rows become numbers with h5py and numpy's argmax(axis=1).",
        place, shape_text(info.extents));
  if (info.extents.size() != 1 && !column)
    throw DataError("{}: has the shape {}, but labels have the shape (N).", place, shape_text(info.extents));
  if (!info.type.is_integer())
    throw DataError(
        "{}: holds {} values, but labels are integers (class numbers). Convert them, for example with h5py and astype(\"int32\").",
        place, to_string(info.type));
}

/// Values per row of a dataset of vectors.
std::int64_t vector_length(const DatasetInfo& info, const std::string& place) {
  const Extents& extents = info.extents;
  const bool row = extents.size() == 1 || (extents.size() == 2 && extents[1] >= 1);
  if (!row)
    throw DataError(
        "{}: has the shape {}, but a network's vector input is read from (N, values), or (N) for one value a sample. Name another dataset, or reshape it with h5py.",
        place, shape_text(extents));
  const StoredType& type = info.type;
  const bool real = type.kind == StoredType::Kind::real && (type.bytes == 4 || type.bytes == 8);
  if (!real && !type.is_integer())
    throw DataError(
        "{}: holds {} values, but a network's vector input is read from float32, float64 or integers. Convert them, for example with h5py and astype(\"float32\").",
        place, to_string(type));
  return extents.size() == 1 ? 1 : extents[1];
}

/// Rows of `dataset` as float32, whatever number they are stored as.
void read_floats(const Hdf5Dataset& dataset, std::uint64_t first, std::uint64_t count,
                 std::span<float> values) {
  const StoredType& type = dataset.info().type;
  if (type.kind == StoredType::Kind::real && type.bytes == 4) return dataset.read_rows(first, count, values);
  const auto convert = [&]<class Stored>(std::vector<Stored> stored) {
    dataset.read_rows(first, count, std::span<Stored>(stored));
    std::transform(stored.begin(), stored.end(), values.begin(),
                   [](Stored value) { return static_cast<float>(value); });
  };
  if (!type.is_integer())
    convert(std::vector<double>(values.size()));
  else if (type.kind == StoredType::Kind::unsigned_integer && type.bytes == 8)
    convert(std::vector<std::uint64_t>(values.size()));
  else
    convert(std::vector<std::int64_t>(values.size()));
}

/// Names of the values of a row: the attribute `columns` of the dataset, where it is such a list.
std::vector<std::string> column_names(const Hdf5File& file, const std::string& dataset, std::size_t length) {
  if (!file.has_attribute(dataset, "columns")) return {};
  try {
    std::vector<std::string> names = file.strings_attribute(dataset, "columns");
    return names.size() == length ? names : std::vector<std::string>{};
  } catch (const DataError&) {  // something else that a foreign file calls so
    return {};
  }
}

/// The form attributes that an images dataset has. See SourceInfo::form.
std::string image_form(const Hdf5File& file, const std::string& images) {
  std::vector<std::string> parts;
  for (const char* name : kFormAttributes) {
    if (!file.has_attribute(images, name)) continue;
    std::string value;
    try {
      value = name == std::string_view("clip") ? std::to_string(file.int64_attribute(images, name))
                                               : file.string_attribute(images, name);
    } catch (const DataError&) {  // something else that a foreign file calls so
      continue;
    }
    constexpr std::size_t kLongest = 100;
    parts.push_back(fmt::format("{} {}", name, value.substr(0, kLongest)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::string> numbered_classes(std::span<const std::int32_t> labels) {
  const std::int32_t largest = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end());
  std::vector<std::string> names;
  for (std::int32_t k = 0; k <= largest; ++k) names.push_back(std::to_string(k));
  return names;
}

}  // namespace

std::vector<std::string> class_names(const Hdf5File& file) {
  if (!file.has_attribute("/", "classes")) return {};
  return file.strings_attribute("/", "classes");
}

SampleShape image_shape(const DatasetInfo& images, const std::string& file, const std::string& name) {
  const Extents& extents = images.extents;
  if (extents.size() != 3 && extents.size() != 4)
    throw DataError(
        "{}, {}: has the shape {}, but images have the shape (N, H, W, C) or (N, H, W). Reshape it, for example with h5py, or name another dataset.",
        file, name, shape_text(extents));
  const SampleShape shape{extents[1], extents[2], extents.size() == 4 ? extents[3] : 1, false};
  if (std::min({shape.height, shape.width, shape.channels}) < 1)
    throw DataError("{}, {}: has the shape {}: its images hold no pixels.", file, name, shape_text(extents));
  constexpr std::int64_t kMostValues = std::int64_t{1} << 28;  // 256 MB of bytes: no network takes as many
  std::int64_t room = kMostValues;
  for (const std::int64_t extent : {shape.height, shape.width, shape.channels}) room /= extent;
  if (room < 1)
    throw DataError(
        "{}, {}: has the shape {}: one image has more than {} values, which no network takes. Is this the right dataset, and are its dimensions (N, H, W, C)?",
        file, name, shape_text(extents), kMostValues);
  if (extents[0] < 1)
    throw DataError("{}, {}: holds no images (shape {}). Was its writing ever finished?", file, name,
                    shape_text(extents));
  return shape;
}

PixelType pixel_type(const DatasetInfo& images, const std::string& file, const std::string& name) {
  const StoredType& type = images.type;
  if (type.kind == StoredType::Kind::unsigned_integer && type.bytes == 1) return PixelType::uint8;
  if (type.kind == StoredType::Kind::real && type.bytes == 4) return PixelType::float32;
  throw DataError(
      "{}, {}: holds {} values, but pixels are uint8 or float32. Convert the dataset, for example with h5py and astype(\"{}\").",
      file, name, to_string(type), type.is_integer() && type.bytes == 1 ? "uint8" : "float32");
}

std::vector<std::int32_t> read_labels(const Hdf5File& file, const std::string& name, std::uint64_t classes) {
  constexpr std::uint64_t kBlock = 1 << 16;
  const Hdf5Dataset source = file.dataset(name);
  const std::string place = file.path() + ", " + name;
  check_label_form(source.info(), place);
  checked_bytes(source.info(), file.path(), name);
  check_label_memory(source.info().rows(), place);
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> block;
  const std::uint64_t rows = source.info().rows();
  for (std::uint64_t first = 0; first < rows; first += kBlock) {
    block.resize(std::min(kBlock, rows - first));
    source.read_rows(first, block.size(), std::span<std::int64_t>(block));
    for (const std::int64_t label : block) {
      check_label(label, labels.size(), classes, place);
      labels.push_back(static_cast<std::int32_t>(label));
    }
  }
  return labels;
}

DatasetColumns::DatasetColumns(const DatasetOptions& options)
    : path_(options.path),
      images_name_(options.images),
      not_finite_(options.not_finite),
      file_(Hdf5File::open(options.path)),
      images_(file_.dataset(options.images)) {
  const DatasetInfo& images = images_.info();
  info_.name = source_name(options);
  info_.shape = image_shape(images, path_, images_name_);
  info_.pixels = pixel_type(images, path_, images_name_);
  info_.classes = class_names(file_);
  row_bytes_ = checked_bytes(images, path_, images_name_) / images.rows();
  if (options.labels.empty()) {
    labels_.assign(images.rows(), 0);
  } else {
    check_same_rows(options, images.rows(), file_.dataset(options.labels).info().rows());
    labels_ = read_labels(file_, options.labels, info_.classes.size());
  }
  info_.form = image_form(file_, options.images);
  info_.numbered = info_.classes.empty();
  if (info_.numbered) info_.classes = numbered_classes(labels_);
  info_.samples = options.limit > 0 ? std::min(options.limit, images.rows()) : images.rows();
  labels_.resize(info_.samples);
  if (chunked()) chunk_rows_ = std::min(static_cast<std::uint64_t>(images.chunk.front()), images.rows());
  info_.chunk = chunk_rows_;
  open_vectors(options);
}

void DatasetColumns::open_vectors(const DatasetOptions& options) {
  for (const VectorColumn& column : options.vectors) {
    Vector vector{column.dataset, file_.dataset(column.dataset), 0};
    const DatasetInfo& info = vector.dataset.info();
    const std::int64_t length = vector_length(info, path_ + ", " + column.dataset);
    checked_bytes(info, path_, column.dataset);
    if (info.rows() != images_.info().rows())
      throw DataError(
          "{}: {} has {} rows, but {}, the network's input {}, has {}; every image needs exactly one row. Do the two names belong together?",
          path_, images_name_, images_.info().rows(), column.dataset, column.name, info.rows());
    vector.length = static_cast<std::size_t>(length);
    vector_floats_ += vector.length;
    info_.vectors.push_back({column.name, length});
    info_.columns.push_back(column_names(file_, column.dataset, vector.length));
    vectors_.push_back(std::move(vector));
  }
}

/// Index of the first value that is not to be given out, or size().
std::size_t DatasetColumns::first_refused(std::span<const float> values) const {
  if (not_finite_ == NotFinite::keep) return values.size();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  return static_cast<std::size_t>(bad - values.begin());
}

void DatasetColumns::read_vectors(std::uint64_t first, std::uint64_t count, std::span<float> vectors) const {
  std::vector<float> column;
  std::size_t offset = 0;
  for (const Vector& vector : vectors_) {
    column.resize(count * vector.length);
    read_floats(vector.dataset, first, count, column);
    const std::size_t place = first_refused(column);
    if (place < column.size()) {
      throw DataError(
          "{}, {}: row {} holds the value {} (value {} of the row), which would spread through the whole network. Mend or drop that row.",
          path_, vector.name, first + place / vector.length, column[place], place % vector.length);
    }
    for (std::uint64_t row = 0; row < count; ++row)
      std::copy_n(column.data() + row * vector.length, vector.length,
                  vectors.data() + row * vector_floats_ + offset);
    offset += vector.length;
  }
}

void DatasetColumns::read_pixels(std::uint64_t first, std::uint64_t count,
                                 std::span<std::byte> pixels) const {
  if (info_.pixels == PixelType::uint8) {
    images_.read_rows(first, count, pixels);
    return;
  }
  const std::span<float> values{reinterpret_cast<float*>(pixels.data()), pixels.size() / sizeof(float)};
  images_.read_rows(first, count, values);
  const std::size_t offset = first_refused(values);
  if (offset == values.size()) return;
  throw DataError(
      "{}, {}: row {} holds the value {} (value {} of the image), which would spread through the whole network. Mend or drop that row.",
      path_, images_name_, first + offset / (row_bytes_ / sizeof(float)), values[offset],
      offset % (row_bytes_ / sizeof(float)));
}

}  // namespace annulus::io
