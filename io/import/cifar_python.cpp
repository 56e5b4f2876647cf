// Dictionaries to images, labels and names.
#include "io/import/cifar_python.hpp"

#include <fmt/ranges.h>

#include <limits>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kImageBytes = 3 * 32 * 32;

const Pickle::Value& entry(const Pickle& pickle, std::string_view key, const std::string& place) {
  const Pickle::Value& root = pickle[pickle.root];
  if (const Pickle::Value* const found = pickle.find(root, key)) return *found;
  std::vector<std::string> keys;
  for (std::size_t i = 0; root.kind == Pickle::Kind::dictionary && i < root.items.size(); i += 2)
    keys.emplace_back(pickle[root.items[i]].text);
  throw DataError("{}: has no '{}'. It has: {}. Is this the file of another data set?", place, key,
                  keys.empty() ? "no dictionary" : shown_names(keys));
}

/// The array `data`. @return how many images it has
std::size_t check_images(const PickledArray& array, const std::string& place) {
  const Extents& extents = array.extents;
  const bool flat = extents.size() == 2 && extents[1] == static_cast<std::int64_t>(kImageBytes);
  const bool planes = extents.size() == 4 && extents[1] == 3 && extents[2] == 32 && extents[3] == 32;
  if (!array.type.is_byte() || !(flat || (planes && !array.fortran)) || extents[0] == 0)
    throw DataError(
        "{}: its data is {} ({}), but uint8 (N, 3072) is expected: three planes of 32 x 32 for each image.",
        place, name_of(array.type), fmt::join(extents, ", "));
  return static_cast<std::size_t>(extents[0]);
}

void take_images(const PickledArray& array, std::size_t rows, CifarPart& part) {
  std::span<const std::byte> values = array.values;
  if (array.fortran) {
    part.reordered.resize(values.size());
    for (std::size_t p = 0; p < kImageBytes; ++p)
      for (std::size_t row = 0; row < rows; ++row)
        part.reordered[row * kImageBytes + p] = values[p * rows + row];
    values = part.reordered;
  }
  for (std::size_t row = 0; row < rows; ++row)
    part.images.push_back(values.subspan(row * kImageBytes, kImageBytes));
}

std::int32_t label_of(std::int64_t number, bool whole, std::size_t row, const std::string& place) {
  if (!whole || number < 0 || number > std::numeric_limits<std::int32_t>::max())
    throw DataError("{}: label {} is not a class number.", place, row);
  return static_cast<std::int32_t>(number);
}

/// A list of numbers, of Python or of NumPy, or an array of them.
std::vector<std::int32_t> labels_of(const Pickle& pickle, const Pickle::Value& value,
                                    const std::string& place) {
  std::vector<std::int32_t> labels;
  const auto add = [&](const PickledArray& array, std::size_t i) {
    std::int64_t number = 0;
    const bool whole = whole_number(array.type, array.values.data() + i * array.type.bytes, number);
    labels.push_back(label_of(number, whole, labels.size(), place));
  };
  if (value.kind == Pickle::Kind::array) {
    const PickledArray& array = pickle.array_of(value);
    for (std::size_t i = 0; i < array.values.size() / array.type.bytes; ++i) add(array, i);
  }
  for (const Pickle::Number item : value.items) {
    const Pickle::Value& label = pickle[item];
    if (label.kind == Pickle::Kind::array && !pickle.array_of(label).values.empty())
      add(pickle.array_of(label), 0);
    else
      labels.push_back(label_of(label.integer, label.kind == Pickle::Kind::integer, labels.size(), place));
  }
  return labels;
}

}  // namespace

CifarPart read_pickled_part(std::span<const std::byte> contents, const std::string& place,
                            std::string_view labels) {
  CifarPart part{.labels = {}, .images = {}, .pickle = read_pickle(contents, place)};
  const Pickle& pickle = part.pickle;
  const Pickle::Value& data = entry(pickle, "data", place);
  if (data.kind != Pickle::Kind::array) throw DataError("{}: its data is not a NumPy array.", place);
  part.labels = labels_of(pickle, entry(pickle, labels, place), place);
  const std::size_t rows = check_images(pickle.array_of(data), place);
  if (part.labels.size() != rows)
    throw DataError("{}: has {} images, but {} {}. The file is damaged; fetch it again.", place, rows,
                    part.labels.size(), labels);
  take_images(pickle.array_of(data), rows, part);
  return part;
}

std::vector<std::string> read_pickled_names(std::span<const std::byte> contents, const std::string& place,
                                            std::string_view key) {
  const Pickle pickle = read_pickle(contents, place);
  std::vector<std::string> names;
  for (const Pickle::Number item : entry(pickle, key, place).items) {
    if (pickle[item].kind != Pickle::Kind::text)
      throw DataError("{}: {} holds other things than text.", place, key);
    names.emplace_back(pickle[item].text);
  }
  return names;
}

}  // namespace annulus::io
