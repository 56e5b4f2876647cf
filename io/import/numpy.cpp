// Arrays that NumPy has saved: which of them are images and which labels, by their names or as told.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/import/class_numbers.hpp"
#include "io/import/numpy_rows.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSplits{"train", "validation", "test"};

/// The names of the arrays of a split, or the paths of their files.
struct Pair {
  std::string images;
  std::string labels;
};
using Pairs = std::array<Pair, kSplits.size()>;

/// A name without the separators between its words, in small letters.
std::string plain_letters(const std::string& name) {
  std::string letters;
  for (const char letter : name)
    if (letter != '_' && letter != '-' && letter != '.')
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return letters;
}

/// Takes a word from the beginning or the end of a name.
bool take_word(std::string& name, const std::string& word) {
  if (name.starts_with(word))
    name.erase(0, word.size());
  else if (name.ends_with(word))
    name.erase(name.size() - word.size());
  else
    return false;
  return true;
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return name == word; });
}

/// Which array of which split a name means: "x_train", "val_images", "labels".
/// @return nothing when it is none of these
std::string* role_of(const std::string& name, Pairs& pairs) {
  static constexpr std::array<std::pair<const char*, std::size_t>, 6> kWords{
      {{"train", 0}, {"validation", 1}, {"valid", 1}, {"val", 1}, {"test", 2}, {"", 0}}};
  std::string rest = plain_letters(name);
  std::size_t split = 0;
  for (const auto& [word, number] : kWords)
    if (take_word(rest, word)) {
      split = number;
      break;
    }
  if (rest.starts_with("ing")) rest.erase(0, 3);  // training_images
  if (is_one_of(rest, {"images", "image", "imgs", "x", "data", "features"})) return &pairs[split].images;
  if (is_one_of(rest, {"labels", "label", "y", "targets", "target"})) return &pairs[split].labels;
  return nullptr;
}

Pairs pairs_by_name(const std::string& source, const std::vector<std::string>& names) {
  Pairs pairs;
  for (const std::string& name : names) {
    std::string* const role = role_of(name, pairs);
    if (role == nullptr) continue;
    if (!role->empty())
      throw DataError(
          "{}: {} and {} seem to be the same array of a split. Name them with --images, --labels, --test-images and so on.",
          source, quoted_name(*role), quoted_name(name));
    *role = name;
  }
  return pairs;
}

Pairs pairs_as_told(const NumpyOptions& told) {
  return {Pair{told.images, told.labels}, Pair{told.validation_images, told.validation_labels},
          Pair{told.test_images, told.test_labels}};
}

/// Every image array with its labels, and train among them.
void check_pairs(const std::string& source, const Pairs& pairs, const std::vector<std::string>& names) {
  const std::string held = names.empty() ? "" : fmt::format(" It holds: {}.", shown_names(names));
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (pairs[i].images.empty() != pairs[i].labels.empty())
      throw DataError(
          "{}: has {} of {}, but not the {} that belong to them.{} Name both with --images and --labels.",
          source, pairs[i].images.empty() ? "labels" : "images", kSplits[i],
          pairs[i].images.empty() ? "images" : "labels", held);
  if (pairs[0].images.empty())
    throw DataError(
        "{}: no array is called as training images are (train_images, x_train, images, x, data).{} Name them: --images NAME --labels NAME.",
        source, held);
}

/// Images of a split, ready to be handed out.
struct OpenSplit {
  std::string name;
  NumpyRows images;
  SourceLabels labels;
};

/// The arrays of the pairs, in turn images and labels.
std::vector<NumpyArray> open_arrays(const ImportOptions& options, const NumpyOptions& told, Pairs& pairs) {
  const auto flat = [&] {
    std::vector<std::string> wanted;
    for (const Pair& pair : pairs)
      if (!pair.images.empty()) wanted.insert(wanted.end(), {pair.images, pair.labels});
    return wanted;
  };
  const auto open_files = [](const std::vector<std::string>& paths) {
    std::vector<NumpyArray> arrays;
    for (const std::string& path : paths) arrays.push_back(open_npy(path));
    return arrays;
  };
  pairs = pairs_as_told(told);
  const bool by_name = told.images.empty() && told.labels.empty();
  if (options.source.empty()) {
    check_pairs("--images and --labels", pairs, {});
    return open_files(flat());
  }
  if (!fs::exists(options.source))
    throw DataError("{}: there is no such file or folder. Check the path.", options.source);
  if (fs::is_directory(options.source)) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options.source))
      if (entry.path().extension() == ".npy") names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    if (by_name) pairs = pairs_by_name(options.source, names);
    check_pairs(options.source, pairs, names);
    std::vector<std::string> paths = flat();
    for (std::string& path : paths) path = (fs::path(options.source) / (path + ".npy")).string();
    return open_files(paths);
  }
  if (options.source.ends_with(".npy"))
    throw UsageError(
        "{}: is one array, but images and labels are needed. Name both: --images {} --labels LABELS.npy.",
        options.source, options.source);
  const NumpyArchive archive(options.source);
  if (by_name) pairs = pairs_by_name(options.source, archive.names());
  check_pairs(options.source, pairs, archive.names());
  return archive.unpack(flat(), options.output);
}

/// The order in which a row is stored.
std::string stored_order(const std::string& axes) {
  return axes.find('V') != std::string::npos ? "V" : axes.find('C') != std::string::npos ? "HWC" : "HW";
}

/// @return a letter for each axis of images
std::string axes_of(const NumpyArray& array, const std::string& told) {
  const Extents& extents = array.header.extents;
  const auto shown = fmt::format("({})", fmt::join(extents, ", "));
  if (!told.empty()) {
    if (told.size() != extents.size())
      throw UsageError("{}: is {}, but --axes {} names {} axes.", array.place, shown, told, told.size());
    return told;
  }
  if (extents.size() == 2) return "NV";
  if (extents.size() == 3) return "NHW";
  if (extents.size() != 4)
    throw DataError("{}: is {}, but images are (N, H, W) or (N, H, W, C), and flat vectors (N, values).",
                    array.place, shown);
  const auto channels = [](std::int64_t extent) { return extent == 1 || extent == 3; };
  if (channels(extents[1]) && extents[1] < extents[2] && !channels(extents[3]))
    throw DataError(
        "{}: is {}, which looks like (N, channels, height, width), as PyTorch keeps images. Say so with --axes NCHW, or --axes NHWC if it is not.",
        array.place, shown);
  return "NHWC";
}

void check_axes(const std::string& told) {
  std::string letters = told;
  std::sort(letters.begin(), letters.end());
  if (!told.empty() && letters != "CHNW" && letters != "HNW" && letters != "NV")
    throw UsageError(
        "--axes {}: is not an order of axes. Give one letter for each: N (samples), H, W, C, such as NCHW, HWN or HWCN.",
        told);
}

SampleShape shape_of(const NumpyArray& array, const std::string& axes) {
  const auto extent = [&](char letter, std::int64_t otherwise) {
    const std::size_t at = axes.find(letter);
    return at == std::string::npos ? otherwise : array.header.extents[at];
  };
  if (axes == "NV" || axes == "VN") return {.channels = extent('V', 1), .flat = true};
  return {extent('H', 1), extent('W', 1), extent('C', 1), false};
}

void check_extents(const NumpyArray& array) {
  constexpr std::int64_t kMostValues = 1 << 24;
  std::int64_t values = 1;
  for (std::size_t i = 0; i < array.header.extents.size(); ++i) {
    const std::int64_t extent = array.header.extents[i];
    if (extent == 0) throw DataError("{}: holds no values: one of its extents is 0.", array.place);
    if (i > 0) values = values > kMostValues / extent ? kMostValues + 1 : values * extent;
  }
  if (array.header.extents.empty() || values > kMostValues)
    throw DataError(
        "{}: is ({}), where a sample has more than {} values or none. Are the samples along its first axis?",
        array.place, fmt::join(array.header.extents, ", "), kMostValues);
}

/// (N), (N, 1), or (N, K) with a single 1 in every row.
std::vector<std::int32_t> read_labels(NumpyArray array) {
  check_extents(array);
  const std::string place = array.place;
  const NumpyType type = array.header.type;
  const std::string trailing = std::string("HWCVABDEFGIJKLM").substr(0, array.header.extents.size() - 1);
  NumpyRows rows(std::move(array), "N" + trailing, trailing);
  const auto number = [&](std::uint64_t row, std::size_t i) {
    std::int64_t value = 0;
    if (!whole_number(type, rows.value(row, i), value) || value < 0 || value > INT32_MAX)
      throw DataError("{}: row {} is not a class number. Labels are whole numbers from 0.", place, row);
    return static_cast<std::int32_t>(value);
  };
  std::vector<std::int32_t> labels;
  for (std::uint64_t row = 0; row < rows.rows(); ++row) {
    if (rows.values_per_row() == 1) {
      labels.push_back(number(row, 0));
      continue;
    }
    std::int32_t ones = 0;
    for (std::size_t i = 0; i < rows.values_per_row(); ++i) {
      const std::int32_t value = number(row, i);
      if (value == 1 && ones++ == 0) labels.push_back(static_cast<std::int32_t>(i));
      if (value > 1) ones = 2;
    }
    if (ones != 1)
      throw DataError(
          "{}: row {} has {} numbers, and not a single 1 among zeros. Such labels mark several classes or none, and training learns one class per sample: choose one column, and save it as (N).",
          place, row, rows.values_per_row());
  }
  return labels;
}

/// Values of a row to pixels of the dataset, with zeros around them.
class RowWriter {
 public:
  RowWriter(NumpyRows& rows, const SampleShape& shape, int pad, bool as_bytes)
      : rows_(rows), shape_(shape), pad_(static_cast<std::size_t>(pad)), as_bytes_(as_bytes) {}

  void operator()(std::uint64_t row, std::span<std::byte> pixels) const {
    std::fill(pixels.begin(), pixels.end(), std::byte{0});
    const auto line = static_cast<std::size_t>(shape_.width * shape_.channels);
    const std::size_t margin = pad_ * static_cast<std::size_t>(shape_.channels);
    for (std::size_t y = 0, i = 0; y < static_cast<std::size_t>(shape_.height); ++y) {
      const std::size_t at = (y + pad_) * (line + 2 * margin) + margin;
      for (std::size_t x = 0; x < line; ++x, ++i) write(row, i, pixels, at + x);
    }
  }

 private:
  void write(std::uint64_t row, std::size_t i, std::span<std::byte> pixels, std::size_t at) const {
    const std::byte* const value = rows_.value(row, i);
    if (as_bytes_) {
      pixels[at] = *value;
      return;
    }
    float number = 0;
    const bool held = to_float(rows_.array().header.type, value, number);
    if (!held || !std::isfinite(number))
      throw DataError(
          "{}: row {} (counted from 0) has a value that {}. Mend the array, or leave the row out.",
          rows_.array().place, row,
          held ? "is not finite"
               : "float32 does not hold exactly, a whole number from 2^24 on or one beyond its range");
    std::memcpy(pixels.data() + at * sizeof(float), &number, sizeof number);
  }

  NumpyRows& rows_;
  SampleShape shape_;
  std::size_t pad_;
  bool as_bytes_;
};

OpenSplit open_split(const std::string& name, const NumpyArray& images, const NumpyArray& labels,
                     const std::string& told_axes) {
  check_extents(images);
  const std::string axes = axes_of(images, told_axes);
  OpenSplit split{name, NumpyRows(images, axes, stored_order(axes)), {labels.place, read_labels(labels)}};
  if (split.images.rows() != split.labels.labels.size())
    throw DataError("{} holds {} images, but {} holds {} labels. Do they belong together?", images.place,
                    split.images.rows(), labels.place, split.labels.labels.size());
  return split;
}

}  // namespace

void import_numpy(const ImportOptions& options, const NumpyOptions& numpy, const ProgressCallback& progress) {
  check_import_options(options);
  check_axes(numpy.axes);
  if (numpy.pad < 0 || numpy.pad > 1024)
    throw UsageError("The padding is {} pixels, but it must be from 0 to 1024.", numpy.pad);
  report(progress, 0, 1, "reading " + file_name(options.source.empty() ? numpy.images : options.source));
  Pairs pairs;
  const std::vector<NumpyArray> arrays = open_arrays(options, numpy, pairs);
  std::deque<OpenSplit> splits;
  ImportedData data;
  data.pixels = PixelType::uint8;
  std::vector<SourceLabels> labels;
  SampleShape shape;
  for (std::size_t i = 0, at = 0; i < pairs.size(); ++i) {
    if (pairs[i].images.empty()) continue;
    const NumpyArray& images = arrays[at++];
    splits.push_back(open_split(kSplits[i], images, arrays[at++], numpy.axes));
    labels.push_back(splits.back().labels);
    const SampleShape own = shape_of(images, axes_of(images, numpy.axes));
    if (splits.size() > 1 && !(own == shape))
      throw DataError("{} and {} hold samples of different sizes. Do they belong together?",
                      splits.front().images.array().place, images.place);
    shape = own;
    if (!images.header.type.is_byte()) data.pixels = PixelType::float32;
    data.provenance.emplace_back(pairs[i].images, fmt::format("{} ({})", name_of(images.header.type),
                                                              fmt::join(images.header.extents, ", ")));
  }
  if (shape.flat && numpy.pad > 0) throw UsageError("Flat vectors have no margin for --pad.");
  data.classes = number_classes({numpy.classes, numpy.first_label}, labels);
  data.shape = shape;
  if (!shape.flat) {
    data.shape.height += 2 * numpy.pad;
    data.shape.width += 2 * numpy.pad;
  }
  data.description = "NumPy arrays of " + file_name(options.source.empty() ? numpy.images : options.source);
  data.provenance.insert(data.provenance.begin(),
                         {"source", file_name(options.source.empty() ? numpy.images : options.source)});
  if (numpy.pad > 0) data.provenance.emplace_back("pad", std::to_string(numpy.pad));
  for (std::size_t i = 0; i < splits.size(); ++i)
    data.splits.push_back({splits[i].name, std::move(labels[i].labels),
                           RowWriter(splits[i].images, shape, numpy.pad, data.pixels == PixelType::uint8)});
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
