// First bytes and names to importers.
#include "io/import/source_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "io/import/archive.hpp"
#include "io/import/output.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

/// What is said of a kind of source, and by which importer it is read.
struct Kind {
  const char* importer = "";  ///< none: it is not imported
  const char* sentence = "";
};

constexpr Kind kIdx{"idx", "It holds IDX files: use `annulus data import idx`."};
constexpr Kind kNumpy{"numpy", "It holds arrays of NumPy: use `annulus data import numpy`."};
constexpr Kind kCifar10{"cifar10", "It looks like CIFAR-10: use `annulus data import cifar10`."};
constexpr Kind kCifar100{"cifar100", "It looks like CIFAR-100: use `annulus data import cifar100`."};
constexpr Kind kImages{"images", "It holds pictures: use `annulus data import images`."};
constexpr Kind kHdf5{"", "It is an HDF5 file already: train on it with data.path (docs/data-format.md)."};
constexpr Kind kParquet{"", "It is a Parquet file: docs/data-format.md has a script that converts it."};
constexpr Kind kRoot{"", "It is a ROOT file: docs/data-format.md has a script that converts it."};

Kind kind_by_name(const std::string& name) {
  if (name.starts_with("cifar-100") || name == "fine_label_names.txt") return kCifar100;
  if (name.starts_with("cifar-10") || name.starts_with("data_batch_1")) return kCifar10;
  if (name.ends_with(".npz") || name.ends_with(".npy")) return kNumpy;
  if (name.ends_with("-ubyte") || name.ends_with("-ubyte.gz")) return kIdx;
  if (name.ends_with(".parquet")) return kParquet;
  if (name.ends_with(".root")) return kRoot;
  return has_image_name(name) ? kImages : Kind{};
}

Kind kind_of_file(const std::string& path) {
  std::array<char, 8> bytes{};
  std::ifstream in(path, std::ios::binary);
  in.read(bytes.data(), bytes.size());
  const std::string_view begin(bytes.data(), bytes.size());
  static constexpr std::array<std::pair<std::string_view, Kind>, 7> kBeginnings{{{"\x93NUMPY"sv, kNumpy},
                                                                                 {"\x89HDF"sv, kHdf5},
                                                                                 {"PAR1"sv, kParquet},
                                                                                 {"root"sv, kRoot},
                                                                                 {"\0\0\x08\x01"sv, kIdx},
                                                                                 {"\0\0\x08\x03"sv, kIdx},
                                                                                 {"\x89PNG"sv, kImages}}};
  for (const auto& [beginning, kind] : kBeginnings)
    if (begin.starts_with(beginning)) return kind;
  return kind_by_name(file_name(path));
}

/// By the first files that say something; a picture only if nothing else does.
Kind kind_of_folder(const std::string& path) {
  constexpr int kMostLooked = 10'000;
  Kind found;
  int looked = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    const Kind kind = kind_by_name(entry->path().filename().string());
    if (kind.sentence != ""sv && kind.importer != "images"sv) return kind;
    if (kind.sentence != ""sv) found = kind;
    if (++looked == kMostLooked) break;
  }
  return found;
}

}  // namespace

std::string what_fits(const std::string& source, const std::string& importer) {
  std::error_code error;
  const bool folder = fs::is_directory(source, error);
  if (!folder && !fs::is_regular_file(source, error)) return {};
  const Kind kind = folder ? kind_of_folder(source) : kind_of_file(source);
  return kind.importer == importer ? "" : kind.sentence;
}

}  // namespace annulus::io
