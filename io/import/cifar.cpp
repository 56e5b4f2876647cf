// CIFAR-10 and CIFAR-100, binary version: records of one or two label bytes and three planes (red, green,
// blue) of 32 x 32 bytes.
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "io/import/archive.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kSide = 32;
constexpr std::size_t kPlane = kSide * kSide;
constexpr std::size_t kPixels = 3 * kPlane;

/// What tells the two data sets apart.
struct CifarKind {
  std::string title;
  std::vector<std::string> train;  ///< files, in order
  std::string test;
  std::string names;            ///< file of class names
  std::size_t label_bytes = 1;  ///< per record
  std::size_t label_at = 0;     ///< which of them counts
  std::string advice;           ///< which archive is meant
};

CifarKind cifar10_kind() {
  return {
      "CIFAR-10",
      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      "test_batch.bin",
      "batches.meta.txt",
      1,
      0,
      "cifar-10-binary.tar.gz"};
}

CifarKind cifar100_kind(Cifar100Labels labels) {
  const bool fine = labels == Cifar100Labels::fine;
  return {"CIFAR-100",
          {"train.bin"},
          "test.bin",
          fine ? "fine_label_names.txt" : "coarse_label_names.txt",
          2,
          fine ? 1u : 0u,
          "cifar-100-binary.tar.gz"};
}

using Files = std::map<std::string, std::vector<std::byte>>;

/// The files that count, by their name without folders.
Files read_files(const ImportOptions& options, const CifarKind& kind, const ProgressCallback& progress) {
  constexpr std::uint64_t kLargest = 256 << 20;  // CIFAR-100's training images are 154 MB
  std::vector<std::string> wanted = kind.train;
  wanted.insert(wanted.end(), {kind.test, kind.names});
  bool images_seen = false;
  bool python_seen = false;
  const auto is_wanted = [&](const std::string& path) {
    const std::string name = file_name(path);
    images_seen = images_seen || has_image_name(name);
    python_seen = python_seen || name == "data_batch_1" || name == "train";
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  const auto source = open_files(options.source, {.file_bytes = kLargest});
  Files files;
  SourceFile file;
  while (source->next(is_wanted, file)) {
    const std::string name = file_name(file.name);
    if (!files.emplace(name, std::move(file.contents)).second)
      throw DataError("{}: holds {} twice. Give the archive or folder of one data set.", options.source,
                      name);
    report(progress, source->done(), source->total(), "reading " + file_name(options.source));
  }
  std::vector<std::string> missing;
  for (const std::string& name : wanted)
    if (!files.contains(name)) missing.push_back(name);
  if (missing.empty()) return files;
  throw DataError("{}: lacks {}, so it is not the whole {} in its binary version ({}).{}", options.source,
                  fmt::join(missing, ", "), kind.title, kind.advice,
                  images_seen ? " It holds images: use `annulus data import images`."
                  : python_seen
                      ? " It looks like the version for Python, which is not read; get the binary one."
                      : "");
}

std::vector<std::string> parse_names(const std::vector<std::byte>& contents) {
  std::vector<std::string> names(1);
  for (const std::byte letter : contents) {
    const char character = std::to_integer<char>(letter);
    if (character == '\n')
      names.emplace_back();
    else if (character != '\r')
      names.back() += character;
  }
  std::erase(names, "");
  return names;
}

/// Labels of all records, each checked against the number of classes.
std::vector<std::int32_t> parse_labels(const std::string& place, const std::vector<std::byte>& contents,
                                       const CifarKind& kind, std::size_t classes) {
  const std::size_t record = kind.label_bytes + kPixels;
  if (contents.empty() || contents.size() % record != 0)
    throw DataError(
        "{}: has {} bytes, which is not a whole number of records of {} bytes. The file is truncated or of another data set; fetch it again.",
        place, contents.size(), record);
  std::vector<std::int32_t> labels;
  for (std::size_t at = kind.label_at; at < contents.size(); at += record) {
    const auto label = std::to_integer<std::int32_t>(contents[at]);
    if (static_cast<std::size_t>(label) >= classes)
      throw DataError(
          "{}: record {} has the label {}, but {} names {} classes. The file is damaged; fetch it again.",
          place, labels.size(), label, kind.names, classes);
    labels.push_back(label);
  }
  return labels;
}

/// Planes to channels last.
void unpack_planes(std::span<const std::byte> planes, std::span<std::byte> pixels) {
  for (std::size_t p = 0; p < kPlane; ++p)
    for (std::size_t c = 0; c < 3; ++c) pixels[3 * p + c] = planes[c * kPlane + p];
}

/// Joins files of records into one split. `files` outlives it.
ImportSplit make_split(const std::string& source, const std::string& split_name,
                       const std::vector<std::string>& names, const Files& files, const CifarKind& kind) {
  const std::size_t classes = parse_names(files.at(kind.names)).size();
  ImportSplit split{split_name, {}, {}};
  std::vector<std::span<const std::byte>> records;
  for (const std::string& name : names) {
    const std::vector<std::byte>& contents = files.at(name);
    const auto labels = parse_labels(source + ", " + name, contents, kind, classes);
    const std::size_t record = kind.label_bytes + kPixels;
    for (std::size_t i = 0; i < labels.size(); ++i)
      records.push_back(std::span(contents).subspan(i * record + kind.label_bytes, kPixels));
    split.labels.insert(split.labels.end(), labels.begin(), labels.end());
  }
  split.pixels = [records = std::move(records)](std::uint64_t row, std::span<std::byte> pixels) {
    unpack_planes(records[row], pixels);
  };
  return split;
}

void import_cifar(const ImportOptions& options, const CifarKind& kind, const ProgressCallback& progress) {
  check_import_options(options);
  const Files files = read_files(options, kind, progress);
  ImportedData data;
  data.shape = {kSide, kSide, 3, false};
  data.classes = parse_names(files.at(kind.names));
  if (data.classes.empty()) throw DataError("{}, {}: names no classes.", options.source, kind.names);
  data.description = kind.title + ", " + kind.names.substr(0, kind.names.find('.'));
  data.provenance.emplace_back("source", file_name(options.source));
  for (const auto& [name, contents] : files)
    data.provenance.emplace_back(name,
                                 fmt::format("{} bytes, xxh64 {}", contents.size(), content_hash(contents)));
  data.splits.push_back(make_split(options.source, "train", kind.train, files, kind));
  data.splits.push_back(make_split(options.source, "test", {kind.test}, files, kind));
  write_imported(options, std::move(data), progress);
}

}  // namespace

void import_cifar10(const ImportOptions& options, const ProgressCallback& progress) {
  import_cifar(options, cifar10_kind(), progress);
}

void import_cifar100(const ImportOptions& options, Cifar100Labels labels, const ProgressCallback& progress) {
  import_cifar(options, cifar100_kind(labels), progress);
}

}  // namespace annulus::io
