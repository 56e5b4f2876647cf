// IDX files (MNIST and its relatives): a magic number of zero, zero, type and rank, big-endian extents,
// bytes.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "io/dataset/doubled_name.hpp"
#include "io/import/archive.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

struct IdxArray {
  std::string path;
  std::vector<std::byte> contents;  ///< header included
  Extents extents;
  std::size_t header = 0;
  std::span<const std::byte> values() const { return std::span(contents).subspan(header); }
};

IdxArray read_idx(const std::string& path) {
  constexpr std::uint64_t kLargest = std::uint64_t{8} << 30;
  constexpr int kUnsignedByte = 0x08;
  IdxArray array{path, read_gzip_or_plain(path, kLargest), {}, 0};
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(array.contents[i]); };
  if (array.contents.size() < 4 || byte(0) != 0 || byte(1) != 0)
    throw DataError("{}: does not begin like an IDX file (0, 0, type, rank). Is it another kind of file?",
                    path);
  if (byte(2) != kUnsignedByte)
    throw DataError("{}: holds values of type {:#04x}, but only bytes (0x08) are imported.", path, byte(2));
  const std::size_t rank = byte(3);
  array.header = 4 + 4 * rank;
  if (rank < 1 || rank > 4 || array.contents.size() < array.header)
    throw DataError(
        "{}: claims rank {}, but 1 (labels), 3 or 4 (images) are expected. The file is damaged or of another kind.",
        path, rank);
  std::uint64_t expected = 1;
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

/// The file of the folder that plays a role, by the words in its name; a plain one before a gzip one.
std::string find_file(const std::string& folder, const std::vector<std::string>& set_words,
                      const std::string& what) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool of_set = std::any_of(set_words.begin(), set_words.end(), [&](const std::string& word) {
      return name.find(word) != std::string::npos;
    });
    const std::string stem = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
    if (entry.is_regular_file() && of_set && name.find(what) != std::string::npos && stem.ends_with("ubyte"))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 2 && found[1] == found[0] + ".gz") found.pop_back();
  if (found.size() > 1)
    throw DataError("{}: several files could be the {} {}: {}. Name the files one by one.", folder,
                    set_words[0], what, fmt::join(found, ", "));
  return found.empty() ? "" : found[0];
}

IdxFiles find_files(const std::string& source, IdxFiles files) {
  const bool all_given = !files.train_images.empty() && !files.train_labels.empty();
  if (all_given) return files;
  if (!fs::is_directory(source))
    throw DataError(
        "{}: is not a folder. Give the folder with the four IDX files (train-images-idx3-ubyte.gz and so on), or name the files one by one.",
        source);
  const auto fill = [&](std::string& path, const std::vector<std::string>& words, const char* what) {
    if (path.empty()) path = find_file(source, words, what);
  };
  fill(files.train_images, {"train"}, "images");
  fill(files.train_labels, {"train"}, "labels");
  fill(files.test_images, {"test", "t10k"}, "images");
  fill(files.test_labels, {"test", "t10k"}, "labels");
  if (files.train_images.empty() || files.train_labels.empty())
    throw DataError(
        "{}: holds no {}. Expected are train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same with t10k, plain or with .gz.",
        source, files.train_images.empty() ? "train-images...-ubyte" : "train-labels...-ubyte");
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
  if (pair.labels.extents.size() != 1)
    throw DataError("{}: holds ({}), but labels are (N). Were images and labels exchanged?", labels,
                    fmt::join(pair.labels.extents, ", "));
  if (pair.images.extents[0] != pair.labels.extents[0])
    throw DataError("{} holds {} images, but {} holds {} labels. Do the files belong together?", images,
                    pair.images.extents[0], labels, pair.labels.extents[0]);
  return pair;
}

SampleShape padded_shape(const IdxArray& images, int pad) {
  const Extents& extents = images.extents;
  return {extents[1] + 2 * pad, extents[2] + 2 * pad, extents.size() == 4 ? extents[3] : 1, false};
}

/// @param images  outlives the split
ImportSplit make_split(const std::string& name, const IdxPair& pair, int pad) {
  ImportSplit split{name, {}, {}};
  for (const std::byte label : pair.labels.values())
    split.labels.push_back(std::to_integer<std::int32_t>(label));
  const SampleShape padded = padded_shape(pair.images, pad);
  const auto height = static_cast<std::size_t>(pair.images.extents[1]);
  const auto line = static_cast<std::size_t>(pair.images.extents[2] * padded.channels);
  const auto padded_line = static_cast<std::size_t>(padded.width * padded.channels);
  const auto margin = static_cast<std::size_t>(pad);
  const auto left = margin * static_cast<std::size_t>(padded.channels);
  split.pixels = [=, values = pair.images.values()](std::uint64_t row, std::span<std::byte> pixels) {
    std::fill(pixels.begin(), pixels.end(), std::byte{0});
    for (std::size_t y = 0; y < height; ++y)
      std::memcpy(pixels.data() + (y + margin) * padded_line + left,
                  values.data() + (row * height + y) * line, line);
  };
  return split;
}

/// Names given, or "0" to the largest label of all splits.
std::vector<std::string> class_names_of(const std::vector<std::string>& given,
                                        const std::vector<IdxPair>& pairs) {
  std::int32_t largest = 0;
  const IdxPair* owner = &pairs.front();
  for (const IdxPair& pair : pairs)
    for (const std::byte label : pair.labels.values())
      if (std::to_integer<std::int32_t>(label) > largest) {
        largest = std::to_integer<std::int32_t>(label);
        owner = &pair;
      }
  if (!given.empty() && static_cast<std::size_t>(largest) >= given.size())
    throw DataError("{}: has the label {}, but only {} class names were given.", owner->labels.path, largest,
                    given.size());
  if (const auto doubled = doubled_name(given))
    throw UsageError("Class names: {}, so nobody could tell the two by name. Give each a name of its own.",
                     doubled_text(given, *doubled));
  if (!given.empty()) return given;
  std::vector<std::string> names;
  for (std::int32_t k = 0; k <= largest; ++k) names.push_back(std::to_string(k));
  return names;
}

}  // namespace

void import_idx(const ImportOptions& options, const IdxOptions& idx, const ProgressCallback& progress) {
  if (idx.pad < 0 || idx.pad > 1024)
    throw UsageError("The padding is {} pixels, but it must be from 0 to 1024.", idx.pad);
  check_import_options(options);
  const IdxFiles files = find_files(options.source, idx.files);
  std::vector<IdxPair> pairs;
  report(progress, 0, 2, "reading " + file_name(files.train_images));
  pairs.push_back(read_pair(files.train_images, files.train_labels));
  report(progress, 1, 2, "reading " + file_name(files.test_images));
  if (!files.test_images.empty() || !files.test_labels.empty())
    pairs.push_back(read_pair(files.test_images, files.test_labels));

  ImportedData data;
  data.shape = padded_shape(pairs[0].images, idx.pad);
  if (pairs.size() == 2 && !(padded_shape(pairs[1].images, idx.pad) == data.shape))
    throw DataError("{} and {} hold images of different sizes. Do the files belong together?",
                    pairs[0].images.path, pairs[1].images.path);
  data.classes = class_names_of(idx.classes, pairs);
  data.description =
      "IDX files of " + file_name(options.source.empty() ? files.train_images : options.source);
  for (const IdxPair& pair : pairs)
    for (const IdxArray* array : {&pair.images, &pair.labels})
      data.provenance.emplace_back(file_name(array->path),
                                   fmt::format("{} bytes uncompressed, xxh64 {}", array->contents.size(),
                                               content_hash(array->contents)));
  if (idx.pad > 0) data.provenance.emplace_back("pad", std::to_string(idx.pad));
  for (std::size_t i = 0; i < pairs.size(); ++i)
    data.splits.push_back(make_split(i == 0 ? "train" : "test", pairs[i], idx.pad));
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
