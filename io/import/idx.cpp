// IDX files (MNIST and its relatives): a magic number of zero, zero, type and rank, big-endian extents,
// bytes.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/import/archive.hpp"
#include "io/import/class_numbers.hpp"
#include "io/import/numpy_value.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

struct IdxArray {
  std::string path;
  std::vector<std::byte> contents;  ///< header included
  NumpyType type;
  Extents extents;
  std::size_t header = 0;
  std::span<const std::byte> values() const { return std::span(contents).subspan(header); }
};

/// The whole numbers among the types of IDX.
NumpyType type_of(unsigned code, const std::string& path) {
  switch (code) {
    case 0x08:
      return {'u', 1, true};
    case 0x09:
      return {'i', 1, true};
    case 0x0b:
      return {'i', 2, true};
    case 0x0c:
      return {'i', 4, true};
    default:
      throw DataError(
          "{}: holds values of type {:#04x}, but bytes (0x08), and integers as labels, are imported.", path,
          code);
  }
}

IdxArray read_idx(const std::string& path) {
  constexpr std::uint64_t kLargest = std::uint64_t{8} << 30;
  IdxArray array{path, read_gzip_or_plain(path, kLargest), {}, {}, 0};
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(array.contents[i]); };
  if (array.contents.size() < 4 || byte(0) != 0 || byte(1) != 0)
    throw DataError("{}: does not begin like an IDX file (0, 0, type, rank). Is it another kind of file?",
                    path);
  array.type = type_of(byte(2), path);
  const std::size_t rank = byte(3);
  array.header = 4 + 4 * rank;
  if (rank < 1 || rank > 4 || array.contents.size() < array.header)
    throw DataError(
        "{}: claims rank {}, but 1 or 2 (labels), 3 or 4 (images) are expected. The file is damaged or of another kind.",
        path, rank);
  std::uint64_t expected = array.type.bytes;
  for (std::size_t d = 0; d < rank; ++d) {
    std::uint64_t extent = 0;
    for (std::size_t i = 0; i < 4; ++i) extent = extent << 8 | byte(4 + 4 * d + i);
    array.extents.push_back(static_cast<std::int64_t>(extent));
    // Larger products than any file cannot overflow: they stop growing here.
    expected = extent == 0 || expected <= kLargest / extent ? expected * extent : kLargest + 1;
  }
  if (array.contents.size() - array.header != expected)
    throw DataError(
        "{}: its header says ({}), but {} bytes follow. The file is truncated or damaged; fetch it again.",
        path, fmt::join(array.extents, ", "), array.contents.size() - array.header);
  return array;
}

bool is_idx_name(const std::string& name) {
  const std::string stem = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  return stem.ends_with("ubyte") || stem.ends_with("-int");  // QMNIST: ...-labels-idx2-int
}

/// What stands before the role in names such as emnist-letters-train-images-idx3-ubyte.
std::string prefix_of(const std::string& path) {
  const std::string name = file_name(path);
  for (const char* word : {"-train-", "-test-", "-t10k-"})
    if (const std::size_t at = name.find(word); at != std::string::npos) return name.substr(0, at);
  return "";
}

[[noreturn]] void refuse_several(const std::string& folder, const std::string& what,
                                 const std::vector<std::string>& found) {
  std::set<std::string> prefixes;
  for (const std::string& path : found) prefixes.insert(prefix_of(path));
  const bool told_apart = prefixes.size() == found.size() && !prefixes.contains("");
  throw DataError("{}: several files could be the {}: {}. {}", folder, what, fmt::join(found, ", "),
                  told_apart ? fmt::format("Choose one data set, for example --prefix {}.", *prefixes.begin())
                             : "Name the files one by one.");
}

/// The file of the folder that plays a role, by the words in its name; a plain one before a gzip one.
std::string find_file(const std::string& folder, const std::string& prefix,
                      const std::vector<std::string>& set_words, const std::string& what) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool of_set = std::any_of(set_words.begin(), set_words.end(), [&](const std::string& word) {
      return name.find(word) != std::string::npos;
    });
    if (entry.is_regular_file() && name.starts_with(prefix) && of_set &&
        name.find(what) != std::string::npos && is_idx_name(name))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 2 && found[1] == found[0] + ".gz") found.pop_back();
  if (found.size() > 1) refuse_several(folder, set_words[0] + " " + what, found);
  return found.empty() ? "" : found[0];
}

IdxFiles find_files(const std::string& source, const std::string& prefix, IdxFiles files) {
  const bool all_given = !files.train_images.empty() && !files.train_labels.empty();
  if (all_given) return files;
  if (!fs::is_directory(source))
    throw DataError(
        "{}: is not a folder. Give the folder with the four IDX files (train-images-idx3-ubyte.gz and so on), or name the files one by one.",
        source);
  const auto fill = [&](std::string& path, const std::vector<std::string>& words, const char* what) {
    if (path.empty()) path = find_file(source, prefix, words, what);
  };
  fill(files.train_images, {"train"}, "images");
  fill(files.train_labels, {"train"}, "labels");
  fill(files.test_images, {"test", "t10k"}, "images");
  fill(files.test_labels, {"test", "t10k"}, "labels");
  if (files.train_images.empty() || files.train_labels.empty())
    throw DataError(
        "{}: holds no {}{}. Expected are train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same with t10k, plain or with .gz.",
        source, prefix.empty() ? "" : prefix + "...",
        files.train_images.empty() ? "train-images...-ubyte" : "train-labels...-ubyte");
  return files;
}

struct IdxPair {
  IdxArray images;
  IdxArray labels;
};

IdxPair read_pair(const std::string& images, const std::string& labels) {
  if (images.empty() || labels.empty())
    throw DataError("{}: the file of the {} that belong to it is missing.", images.empty() ? labels : images,
                    images.empty() ? "images" : "labels");
  IdxPair pair{read_idx(images), read_idx(labels)};
  if (pair.images.extents.size() < 3 || element_count(pair.images.extents) == 0)
    throw DataError("{}: holds ({}), but images are (N, H, W). Were images and labels exchanged?", images,
                    fmt::join(pair.images.extents, ", "));
  if (!pair.images.type.is_byte())
    throw DataError("{}: holds {}, but images are bytes (type 0x08).", images, name_of(pair.images.type));
  if (pair.labels.extents.size() > 2 || element_count(pair.labels.extents) == 0)
    throw DataError("{}: holds ({}), but labels are (N), or (N, K). Were images and labels exchanged?",
                    labels, fmt::join(pair.labels.extents, ", "));
  if (pair.images.extents[0] != pair.labels.extents[0])
    throw DataError("{} holds {} images, but {} holds {} labels. Do the files belong together?", images,
                    pair.images.extents[0], labels, pair.labels.extents[0]);
  return pair;
}

SampleShape padded_shape(const IdxArray& images, const IdxOptions& idx) {
  const Extents& extents = images.extents;
  const bool rows_first = idx.axes == IdxAxes::rows_first;
  return {extents[rows_first ? 1 : 2] + 2 * idx.pad, extents[rows_first ? 2 : 1] + 2 * idx.pad,
          extents.size() == 4 ? extents[3] : 1, false};
}

/// The first number of each row.
SourceLabels labels_of(const IdxArray& array) {
  SourceLabels labels{array.path, {}};
  const std::span<const std::byte> values = array.values();
  const std::size_t row_bytes = values.size() / static_cast<std::size_t>(array.extents[0]);
  for (std::size_t at = 0; at < values.size(); at += row_bytes) {
    std::int64_t label = 0;
    if (!whole_number(array.type, values.data() + at, label))
      expect_contract(false, "IDX holds whole numbers");
    labels.labels.push_back(static_cast<std::int32_t>(label));
  }
  return labels;
}

/// @param images  outlives the result
std::function<void(std::uint64_t, std::span<std::byte>)> rows_of(const IdxArray& images,
                                                                 const IdxOptions& idx) {
  const SampleShape padded = padded_shape(images, idx);
  const auto channels = static_cast<std::size_t>(padded.channels);
  const auto margin = static_cast<std::size_t>(idx.pad);
  const auto height = static_cast<std::size_t>(padded.height) - 2 * margin;
  const auto width = static_cast<std::size_t>(padded.width) - 2 * margin;
  const bool rows_first = idx.axes == IdxAxes::rows_first;
  return [=, values = images.values()](std::uint64_t row, std::span<std::byte> pixels) {
    std::fill(pixels.begin(), pixels.end(), std::byte{0});
    const std::byte* const image = values.data() + row * height * width * channels;
    for (std::size_t y = 0; y < height; ++y) {
      std::byte* const line = pixels.data() + ((y + margin) * (width + 2 * margin) + margin) * channels;
      if (rows_first) std::memcpy(line, image + y * width * channels, width * channels);
      for (std::size_t x = 0; x < width && !rows_first; ++x)
        std::memcpy(line + x * channels, image + (x * height + y) * channels, channels);
    }
  };
}

/// What a mapping of EMNIST says.
struct Mapping {
  std::int32_t first_label = 0;
  std::vector<std::string> names;
};

/// Lines of a label and the codes of its letters, in capitals first: "10 65 97" is "A".
Mapping read_mapping(const std::string& path) {
  constexpr std::uint64_t kLargest = 1 << 20;
  const std::vector<std::byte> contents = read_gzip_or_plain(path, kLargest);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(contents.data()), contents.size()));
  Mapping mapping;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::istringstream words(line);
    std::int32_t label = -1;
    std::int32_t code = -1;
    words >> label >> code;
    const auto number = static_cast<std::int32_t>(mapping.names.size());
    if (mapping.names.empty()) mapping.first_label = label;
    if (label < 0 || label != mapping.first_label + number || code <= ' ' || code > '~')
      throw DataError("{}: line {}: is not the next label and the code of its letter, as in \"10 65\".", path,
                      mapping.names.size() + 1);
    mapping.names.emplace_back(1, static_cast<char>(code));
  }
  if (mapping.names.empty()) throw DataError("{}: names no classes.", path);
  return mapping;
}

ClassNumbering numbering_of(const IdxOptions& idx) {
  if (idx.mapping.empty()) return {idx.classes, idx.first_label};
  if (!idx.classes.empty())
    throw UsageError("--mapping and --classes both name the classes. Leave one of them out.");
  Mapping mapping = read_mapping(idx.mapping);
  return {std::move(mapping.names), mapping.first_label};
}

/// EMNIST's images lie on their side, and nothing in the file says so.
void doubt_axes(const std::string& images, const IdxOptions& idx) {
  if (idx.axes == IdxAxes::rows_first && file_name(images).starts_with("emnist"))
    log_warning(
        "{}: the images of EMNIST are stored column by column, so they come out mirrored and turned. Import them with --transpose.",
        images);
}

}  // namespace

void import_idx(const ImportOptions& options, const IdxOptions& idx, const ProgressCallback& progress) {
  if (idx.pad < 0 || idx.pad > 1024)
    throw UsageError("The padding is {} pixels, but it must be from 0 to 1024.", idx.pad);
  check_import_options(options);
  const ClassNumbering numbering = numbering_of(idx);
  const IdxFiles files = find_files(options.source, idx.prefix, idx.files);
  doubt_axes(files.train_images, idx);
  std::vector<IdxPair> pairs;
  report(progress, 0, 2, "reading " + file_name(files.train_images));
  pairs.push_back(read_pair(files.train_images, files.train_labels));
  report(progress, 1, 2, "reading " + file_name(files.test_images));
  if (!files.test_images.empty() || !files.test_labels.empty())
    pairs.push_back(read_pair(files.test_images, files.test_labels));

  ImportedData data;
  data.shape = padded_shape(pairs[0].images, idx);
  if (pairs.size() == 2 && !(padded_shape(pairs[1].images, idx) == data.shape))
    throw DataError("{} and {} hold images of different sizes. Do the files belong together?",
                    pairs[0].images.path, pairs[1].images.path);
  std::vector<SourceLabels> labels;
  for (const IdxPair& pair : pairs) labels.push_back(labels_of(pair.labels));
  data.classes = number_classes(numbering, labels);
  data.description =
      "IDX files of " + file_name(options.source.empty() ? files.train_images : options.source);
  for (const IdxPair& pair : pairs)
    for (const IdxArray* array : {&pair.images, &pair.labels})
      data.provenance.emplace_back(file_name(array->path),
                                   fmt::format("{} bytes uncompressed, xxh64 {}", array->contents.size(),
                                               content_hash(array->contents)));
  if (idx.pad > 0) data.provenance.emplace_back("pad", std::to_string(idx.pad));
  if (idx.axes == IdxAxes::columns_first)
    data.provenance.emplace_back("transpose", "rows and columns exchanged");
  for (std::size_t i = 0; i < pairs.size(); ++i)
    data.splits.push_back(
        {i == 0 ? "train" : "test", std::move(labels[i].labels), rows_of(pairs[i].images, idx)});
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
