// Validation of a split: every rule ends in a sentence with file, dataset and row.
#include "io/dataset/columns.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string_view>

#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/dataset/labels.hpp"
#include "io/dataset/pixels.hpp"
#include "io/dataset/weights.hpp"

namespace annulus::io {
namespace {

std::string shape_text(const Extents& extents) { return fmt::format("({})", fmt::join(extents, ", ")); }

/// "cifar10.h5:train" from the file and the group of the images.
std::string source_name(const DatasetOptions& options) {
  const std::string file = std::filesystem::path(options.path).filename().string();
  const std::string name =
      options.images.substr(std::min(options.images.find_first_not_of('/'), options.images.size()));
  return file + ":" + name.substr(0, name.rfind('/'));
}

void check_same_rows(const DatasetOptions& options, std::uint64_t images, std::uint64_t labels,
                     const std::string& label_file) {
  if (images == labels) return;
  if (label_file != options.path)
    throw DataError(
        "{}: {} has {} rows, but {} of {}, which has its labels, has {}; every image needs exactly one label. Do the two files belong together (data.files and data.label_files name them in the same order)?",
        options.path, options.images, images, options.labels, label_file, labels);
  throw DataError(
      "{}: {} has {} rows, but {} has {}; every image needs exactly one label. Do the two names belong together?",
      options.path, options.images, images, options.labels, labels);
}

/// Images one beside the other along the last axis, as some programs keep them.
void check_images_first(const DatasetOptions& options, const Extents& extents, std::uint64_t labels) {
  const auto first = static_cast<std::uint64_t>(extents.front());
  if (images_last(options.axes) || extents.size() < 3 || first == labels ||
      static_cast<std::uint64_t>(extents.back()) != labels)
    return;
  throw DataError(
      "{}: {} has the shape {} and {} has {} rows: the images seem to be counted by the last axis. Set data.axes to {}, or to the order of its axes, N for the images.",
      options.path, options.images, shape_text(extents), options.labels, labels,
      extents.size() == 3 ? "HWN" : "HWCN");
}

/// A dataset of images as if they were counted by its first axis: where they are by the last one, as many are
/// read in one go through it as take this much memory.
DatasetInfo counted_by_images(DatasetInfo info, ImageAxes axes) {
  if (!images_last(axes)) return info;
  constexpr std::uint64_t kPassBytes = std::uint64_t{64} << 20;
  info.extents = images_first(axes, info.extents);
  const std::uint64_t values =
      std::accumulate(info.extents.begin() + 1, info.extents.end(), std::uint64_t{1},
                      [](std::uint64_t product, std::int64_t extent) {
                        return product * static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 1));
                      });
  const std::uint64_t pass = std::max<std::uint64_t>(1, kPassBytes / sizeof(float) / values);
  info.chunk = info.extents;
  info.chunk.front() = static_cast<std::int64_t>(std::min(pass, std::max<std::uint64_t>(1, info.rows())));
  info.plain_at.reset();
  return info;
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
  if (type.kind != StoredType::Kind::real && !type.is_integer())
    throw DataError(
        "{}: holds {} values, but a network's vector input is read from numbers. Name another dataset.",
        place, to_string(type));
  return extents.size() == 1 ? 1 : extents[1];
}

/// Names of the values of a row: the attribute `columns` of the dataset, where it is such a list.
/// @param texts  a dataset that has the names if there is no such attribute
std::vector<std::string> column_names(const Hdf5File& file, const std::string& dataset, std::size_t length,
                                      const std::string& texts = "") {
  const bool attribute = file.has_attribute(dataset, "columns");
  if (!attribute && (texts.empty() || !file.is_dataset(texts))) return {};
  try {
    std::vector<std::string> names =
        attribute ? file.strings_attribute(dataset, "columns") : file.texts(texts);
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

}  // namespace

std::vector<std::string> class_names(const Hdf5File& file) {
  if (file.has_attribute("/", "classes")) return file.strings_attribute("/", "classes");
  // What foreign files call so may as well be numbers.
  return file.is_dataset("classes") ? file.texts("classes") : std::vector<std::string>{};
}

SplitClasses split_classes(const Hdf5File& file, const std::string& images, const std::string& labels) {
  const std::size_t slash = images.find_last_of('/');
  for (const std::string& object : {slash == std::string::npos ? "" : images.substr(0, slash), labels}) {
    if (object.empty() || !file.has_attribute(object, "classes")) continue;
    try {
      std::vector<std::string> names = file.strings_attribute(object, "classes");
      if (names.size() > 1) return {std::move(names), object};
    } catch (const DataError&) {  // something else that a foreign file calls so
    }
  }
  return {};
}

std::vector<std::string> numbered_classes(std::span<const std::int32_t> labels, std::int64_t first) {
  const std::int32_t largest = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end());
  std::vector<std::string> names;
  for (std::int32_t k = 0; k <= largest; ++k) names.push_back(std::to_string(first + k));
  return names;
}

SampleShape image_shape(const DatasetInfo& images, const std::string& file, const std::string& name,
                        ImageAxes axes) {
  const Extents extents = images_first(axes, images.extents);
  const SampleShape shape = shape_of_images(axes, extents, fmt::format("{}, {}", file, name));
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

DatasetColumns::DatasetColumns(const DatasetOptions& options)
    : DatasetColumns(options, Hdf5File::open(options.path), nullptr) {}

DatasetColumns::DatasetColumns(const DatasetOptions& options, Hdf5File file, const Hdf5File* labels)
    : path_(options.path),
      images_name_(options.images),
      not_finite_(options.not_finite),
      file_(std::move(file)),
      unchanged_(options.path),
      images_(file_.dataset(options.images)) {
  images_last_ = images_last(options.axes);
  counted_ = counted_by_images(images_.info(), options.axes);
  const DatasetInfo& images = counted_;
  info_.name = source_name(options);
  info_.shape = image_shape(images_.info(), path_, images_name_, options.axes);
  info_.pixels = pixel_type(images_.info(), path_, images_name_);
  name_classes(options, labels == nullptr ? file_ : *labels);
  checked_bytes(images_.info(), path_, images_name_);
  row_bytes_ = static_cast<std::size_t>(info_.shape.size()) * size_of(info_.pixels);
  order_ = AxisOrder(axes_of_image(options.axes, images.extents, path_), info_.shape, size_of(info_.pixels));
  info_.stored = {.extents = images.extents,
                  .reversed_by = writer_of_reversed_axes(file_, images_name_),
                  .axes_named = options.axes != ImageAxes::automatic};
  note_images(options.axes);
  if (options.labels.empty())
    labels_.assign(images.rows(), 0);
  else
    open_labels(options, labels == nullptr ? file_ : *labels);
  info_.form = image_form(file_, options.images);
  if (info_.shape.flat)
    info_.value_names =
        column_names(file_, images_name_, static_cast<std::size_t>(info_.shape.channels), "columns");
  info_.numbered = info_.classes.empty();
  if (info_.numbered) info_.classes = numbered_classes(labels_, options.first_label);
  info_.samples = options.limit > 0 ? std::min(options.limit, images.rows()) : images.rows();
  labels_.resize(info_.samples);
  if (!options.weights.empty()) {
    weights_ = read_weights(file_, options.weights, images.rows());
    weights_.resize(info_.samples);
  }
  if (chunked()) chunk_rows_ = std::min(static_cast<std::uint64_t>(images.chunk.front()), images.rows());
  info_.chunk = chunk_rows_;
  open_vectors(options);
}

/// The root names the classes of all splits; where it does not, a split may name its own.
void DatasetColumns::name_classes(const DatasetOptions& options, const Hdf5File& labels) {
  info_.classes = class_names(file_);
  const bool apart = &labels != &file_;
  if (apart && info_.classes.empty()) info_.classes = class_names(labels);
  SplitClasses own = split_classes(file_, options.images, apart ? "" : options.labels);
  if (apart && own.names.empty()) own = split_classes(labels, options.images, options.labels);
  if (own.names.empty() || own.names == info_.classes) return;
  if (info_.classes.empty()) {
    notes_.push_back(
        fmt::format("{}: class names are read from the attribute `classes` of {}.", path_, own.object));
    info_.classes = std::move(own.names);
    return;
  }
  notes_.push_back(fmt::format(
      "{}: the class names of {} are not those of the root (attribute `classes`), which are taken. Remove one of the two lists.",
      path_, own.object));
}

void DatasetColumns::note_images(ImageAxes axes) {
  const std::string place = path_ + ", " + images_name_;
  if (!is_stored_so(images_.info().type, info_.pixels))
    notes_.push_back(fmt::format("{}: {} pixels are read as float32; normalisation applies to these numbers.",
                                 place, to_string(images_.info().type)));
  const StoredImages& stored = info_.stored;
  if (stored.axes_named) return note_axes(axes, place);
  if (stored.reversed_by.empty()) return;
  notes_.push_back(fmt::format(
      "{}: written by {}, which stores axes in reverse: {} may be (N, {}), with rows and columns of the pictures exchanged. Set data.axes to {} to turn them, or to {} if they were turned before they were written.",
      place, stored.reversed_by, shape_text(stored.extents), stored.extents.size() == 3 ? "W, H" : "C, W, H",
      word_of(reversed_axes(stored.extents)), stored.extents.size() == 3 ? "NHW" : "NHWC"));
}

/// Axes may have been named for another file, the one that a checkpoint was trained on.
void DatasetColumns::note_axes(ImageAxes axes, const std::string& place) {
  if (images_last_)
    notes_.push_back(fmt::format(
        "{}: axes {} in the file (data.axes), read as (N, H, W, C). Its images are counted by the last axis, so {} of them are read in one go through all of it: `annulus data repack` makes a file that is read once.",
        place, word_of(axes), images().chunk.front()));
  else if (!order_.is_identity())
    notes_.push_back(
        fmt::format("{}: axes {} in the file (data.axes), read as (N, H, W, C).", place, word_of(axes)));
  const StoredImages& stored = info_.stored;
  if (stored.reversed_by.empty() || axes == reversed_axes(stored.extents)) return;
  const std::string doubt = fmt::format(
      "{}: written by {}, which stores axes in reverse, {}, but data.axes is {}. Set data.axes to {} unless they were turned before they were written.",
      place, stored.reversed_by, word_of(reversed_axes(stored.extents)), word_of(axes),
      word_of(reversed_axes(stored.extents)));
  // Axes as they are usual are what the note above advises for images that were turned.
  if (order_.is_identity())
    notes_.push_back(doubt);
  else
    log_warning("{}", doubt);
}

void DatasetColumns::open_labels(const DatasetOptions& options, const Hdf5File& file) {
  const std::uint64_t samples = images().rows();
  const std::uint64_t counted = count_labels(file.dataset(options.labels).info(), samples);
  check_images_first(options, images_.info().extents, counted);
  check_same_rows(options, samples, counted, file.path());
  Labels labels =
      read_labels(file, options.labels,
                  {.samples = samples, .classes = info_.classes.size(), .first = options.first_label});
  labels_ = std::move(labels.numbers);
  info_.stored.smallest_label = labels.smallest;
  if (options.first_label > 0 && labels.smallest > 0)  // one-hot rows count from 0 whatever it is
    notes_.push_back(fmt::format("{}, {}: labels count from {} in the file (data.first_label){}.",
                                 file.path(), options.labels, options.first_label,
                                 info_.classes.empty() ? ""
                                                       : fmt::format(": {} is {}", options.first_label,
                                                                     shown_name(info_.classes.front()))));
  if (!labels.note.empty())
    notes_.push_back(fmt::format("{}, {}: {}.", file.path(), options.labels, labels.note));
}

void DatasetColumns::open_vectors(const DatasetOptions& options) {
  for (const VectorColumn& column : options.vectors) {
    Vector vector{column.dataset, file_.dataset(column.dataset), 0};
    const DatasetInfo& info = vector.dataset.info();
    const std::int64_t length = vector_length(info, path_ + ", " + column.dataset);
    checked_bytes(info, path_, column.dataset);
    if (info.rows() != images().rows())
      throw DataError(
          "{}: {} has {} rows, but {}, the network's input {}, has {}; every image needs exactly one row. Do the two names belong together?",
          path_, images_name_, images().rows(), column.dataset, column.name, info.rows());
    vector.length = static_cast<std::size_t>(length);
    vector_floats_ += vector.length;
    info_.vectors.push_back({column.name, length});
    info_.columns.push_back(column_names(file_, column.dataset, vector.length));
    vectors_.push_back(std::move(vector));
  }
}

}  // namespace annulus::io
