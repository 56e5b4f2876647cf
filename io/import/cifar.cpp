// CIFAR-10 and CIFAR-100. Binary version: records of one or two label bytes and three planes (red, green,
// blue) of 32 x 32 bytes. Version for Python: cifar_python.hpp.
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/error.hpp"
#include "io/import/archive.hpp"
#include "io/import/cifar_python.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kSide = 32;
constexpr std::size_t kPlane = kSide * kSide;
constexpr std::size_t kPixels = 3 * kPlane;

/// The files of a data set in one of its two versions.
struct CifarForm {
  std::vector<std::string> train;  ///< in order
  std::string test;
  std::string names;   ///< of the classes
  std::string advice;  ///< which archive is meant

  std::vector<std::string> files() const {
    std::vector<std::string> all = train;
    all.insert(all.end(), {test, names});
    return all;
  }
};

/// What tells the two data sets apart.
struct CifarKind {
  std::string title;
  std::string description;
  CifarForm binary;
  std::size_t label_bytes = 1;  ///< of a binary record
  std::size_t label_at = 0;     ///< which of them counts
  CifarForm python;
  std::string labels_key;  ///< in the dictionaries
  std::string names_key;
};

CifarKind cifar10_kind() {
  CifarKind kind{.title = "CIFAR-10",
                 .description = "CIFAR-10, batches",
                 .binary = {{}, "test_batch.bin", "batches.meta.txt", "cifar-10-binary.tar.gz"},
                 .python = {{}, "test_batch", "batches.meta", "cifar-10-python.tar.gz"},
                 .labels_key = "labels",
                 .names_key = "label_names"};
  for (const char batch : {'1', '2', '3', '4', '5'}) {
    kind.python.train.push_back(std::string("data_batch_") + batch);
    kind.binary.train.push_back(kind.python.train.back() + ".bin");
  }
  return kind;
}

CifarKind cifar100_kind(Cifar100Labels labels) {
  const std::string word = labels == Cifar100Labels::fine ? "fine" : "coarse";
  return {.title = "CIFAR-100",
          .description = "CIFAR-100, " + word + "_label_names",
          .binary = {{"train.bin"}, "test.bin", word + "_label_names.txt", "cifar-100-binary.tar.gz"},
          .label_bytes = 2,
          .label_at = labels == Cifar100Labels::fine ? 1U : 0U,
          .python = {{"train"}, "test", "meta", "cifar-100-python.tar.gz"},
          .labels_key = word + "_labels",
          .names_key = word + "_label_names"};
}

using Files = std::map<std::string, std::vector<std::byte>>;

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The files of a source that count, by their names without folders.
struct CifarSource {
  Files files;
  bool images = false;         ///< it holds pictures
  std::string other_data_set;  ///< word of the importer of the data set that it looks like
};

CifarSource read_source(const ImportOptions& options, const CifarKind& kind,
                        const ProgressCallback& progress) {
  constexpr std::uint64_t kLargest = 256 << 20;  // CIFAR-100's training images are 155 MB
  std::vector<std::string> wanted = kind.binary.files();
  for (const std::string& name : kind.python.files()) wanted.push_back(name);
  CifarSource found;
  const auto is_wanted = [&](const std::string& path) {
    const std::string name = file_name(path);
    found.images = found.images || has_image_name(name);
    if (is_one_of(wanted, name)) return true;
    if (name.starts_with("data_batch_1")) found.other_data_set = "cifar10";
    if (name.starts_with("fine_label_names") || name == "meta") found.other_data_set = "cifar100";
    return false;
  };
  const auto source = open_files(options.source, {.file_bytes = kLargest});
  SourceFile file;
  while (source->next(is_wanted, file)) {
    const std::string name = file_name(file.name);
    if (!found.files.emplace(name, std::move(file.contents)).second)
      throw DataError("{}: holds {} twice. Give the archive or folder of one data set.", options.source,
                      name);
    report(progress, source->done(), source->total(), "reading " + file_name(options.source));
  }
  return found;
}

std::vector<std::string> missing_of(const CifarForm& form, const Files& files) {
  std::vector<std::string> missing;
  for (const std::string& name : form.files())
    if (!files.contains(name)) missing.push_back(name);
  return missing;
}

[[noreturn]] void refuse(const std::string& source, const CifarKind& kind, const CifarSource& found,
                         const CifarForm& form) {
  std::string hint;
  if (found.images) hint = " It holds images: use `annulus data import images`.";
  if (!found.other_data_set.empty())
    hint =
        fmt::format(" It looks like another data set: use `annulus data import {}`.", found.other_data_set);
  throw DataError("{}: lacks {}, so it is not the whole {} ({} or {}).{}", source,
                  fmt::join(missing_of(form, found.files), ", "), kind.title, kind.binary.advice,
                  kind.python.advice, hint);
}

/// The version of which the source has all files. The two say the same: of both, the binary one.
const CifarForm& choose_form(const std::string& source, const CifarKind& kind, const CifarSource& found) {
  const std::size_t binary = missing_of(kind.binary, found.files).size();
  const std::size_t python = missing_of(kind.python, found.files).size();
  if (binary == 0) return kind.binary;
  if (python == 0) return kind.python;
  const bool more_of_python = python < kind.python.files().size() && python <= binary;
  refuse(source, kind, found, more_of_python ? kind.python : kind.binary);
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

/// @param contents  outlives the result
CifarPart parse_records(const std::string& place, std::span<const std::byte> contents,
                        const CifarKind& kind) {
  const std::size_t record = kind.label_bytes + kPixels;
  if (contents.empty() || contents.size() % record != 0)
    throw DataError(
        "{}: has {} bytes, which is not a whole number of records of {} bytes. The file is truncated or of another data set; fetch it again.",
        place, contents.size(), record);
  CifarPart part;
  for (std::size_t at = 0; at < contents.size(); at += record) {
    part.labels.push_back(std::to_integer<std::int32_t>(contents[at + kind.label_at]));
    part.images.push_back(contents.subspan(at + kind.label_bytes, kPixels));
  }
  return part;
}

/// Planes to channels last.
void unpack_planes(std::span<const std::byte> planes, std::span<std::byte> pixels) {
  for (std::size_t p = 0; p < kPlane; ++p)
    for (std::size_t c = 0; c < 3; ++c) pixels[3 * p + c] = planes[c * kPlane + p];
}

/// A data set whose files have been read.
class CifarReader {
 public:
  CifarReader(const ImportOptions& options, const CifarKind& kind, const ProgressCallback& progress)
      : options_(options),
        kind_(kind),
        source_(read_source(options, kind, progress)),
        form_(choose_form(options.source, kind, source_)),
        python_(&form_ == &kind_.python) {
    classes_ = python_ ? read_pickled_names(file(form_.names), place(form_.names), kind_.names_key)
                       : parse_names(file(form_.names));
    if (classes_.empty()) throw DataError("{}: names no classes.", place(form_.names));
  }

  ImportedData data() {
    ImportedData data;
    data.shape = {kSide, kSide, 3, false};
    data.classes = classes_;
    data.description = kind_.description;
    data.provenance.emplace_back("source", file_name(options_.source));
    for (const std::string& name : form_.files())
      data.provenance.emplace_back(
          name, fmt::format("{} bytes, xxh64 {}", file(name).size(), content_hash(file(name))));
    std::sort(std::next(data.provenance.begin()), data.provenance.end());
    data.splits.push_back(split("train", form_.train));
    data.splits.push_back(split("test", {form_.test}));
    return data;
  }

 private:
  const std::vector<std::byte>& file(const std::string& name) const { return source_.files.at(name); }
  std::string place(const std::string& name) const { return options_.source + ", " + name; }

  CifarPart part(const std::string& name) const {
    CifarPart part = python_ ? read_pickled_part(file(name), place(name), kind_.labels_key)
                             : parse_records(place(name), file(name), kind_);
    for (std::size_t i = 0; i < part.labels.size(); ++i)
      if (static_cast<std::size_t>(part.labels[i]) >= classes_.size())
        throw DataError(
            "{}: record {} has the label {}, but {} names {} classes. The file is damaged; fetch it again.",
            place(name), i, part.labels[i], form_.names, classes_.size());
    return part;
  }

  /// Joins files into one split, which this reader must outlive.
  ImportSplit split(const std::string& split_name, const std::vector<std::string>& names) {
    ImportSplit split{split_name, {}, {}};
    std::vector<std::span<const std::byte>> images;
    for (const std::string& name : names) {
      parts_.push_back(part(name));
      const CifarPart& part = parts_.back();
      images.insert(images.end(), part.images.begin(), part.images.end());
      split.labels.insert(split.labels.end(), part.labels.begin(), part.labels.end());
    }
    split.pixels = [images = std::move(images)](std::uint64_t row, std::span<std::byte> pixels) {
      unpack_planes(images[row], pixels);
    };
    return split;
  }

  const ImportOptions& options_;
  const CifarKind& kind_;
  CifarSource source_;
  const CifarForm& form_;
  bool python_;
  std::vector<std::string> classes_;
  std::deque<CifarPart> parts_;
};

void import_cifar(const ImportOptions& options, const CifarKind& kind, const ProgressCallback& progress) {
  check_import_options(options);
  CifarReader reader(options, kind, progress);
  write_imported(options, reader.data(), progress);
}

}  // namespace

void import_cifar10(const ImportOptions& options, const ProgressCallback& progress) {
  import_cifar(options, cifar10_kind(), progress);
}

void import_cifar100(const ImportOptions& options, Cifar100Labels labels, const ProgressCallback& progress) {
  import_cifar(options, cifar100_kind(labels), progress);
}

}  // namespace annulus::io
