// See data_files.hpp.
#include "trainer/data_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "io/dataset/parts.hpp"
#include "io/files/file_list.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"
#include "trainer/model/scalar_values.hpp"

namespace annulus::trainer {
namespace {

/// The key that lists these files, for messages.
std::string key_of(const DataConfig& data, const std::vector<std::string>& entries, bool of_labels) {
  const auto key = [&](const char* split, const std::vector<std::string>& own) {
    return own == entries ? fmt::format("data.{}{}files", split, of_labels ? "label_" : "") : "";
  };
  for (const std::string& found :
       {key("", of_labels ? data.label_files : data.files),
        key("validation_", of_labels ? data.validation_label_files : data.validation_files),
        key("test_", of_labels ? data.test_label_files : data.test_files)})
    if (!found.empty()) return found;
  return of_labels ? "data.label_files" : "data.files";
}

}  // namespace

bool names_files(const DataConfig& data) { return !data.path.empty() || !data.files.empty(); }

std::string files_text(const DataConfig& data) {
  if (data.files.empty()) return data.path;
  if (data.files.size() == 1) return data.files.front();
  return fmt::format("{} and {} more", data.files.front(), data.files.size() - 1);
}

std::vector<std::string> image_files(const DataConfig& data, const SplitNames& names) {
  if (names.files.empty()) return {data.path};
  const std::string key = key_of(data, names.files, false);
  std::vector<std::string> files = io::expand_files(names.files, key);
  const bool listed = std::ranges::none_of(names.files, io::is_pattern);  // some parts may be wanted
  if (const std::string missing = listed ? "" : io::missing_parts(files); !missing.empty())
    throw DataError("{}: {}", key, missing);
  return files;
}

std::vector<std::string> label_files(const DataConfig& data, const SplitNames& names) {
  if (names.label_files.empty() || names.labels.empty()) return {};
  const std::string key = key_of(data, names.label_files, true);
  std::vector<std::string> files = io::expand_files(names.label_files, key);
  const std::vector<std::string> images = image_files(data, names);
  if (files.size() == images.size()) return files;
  throw DataError(
      "{} names {} files, but {} names {}: each file of images has one of labels, in the same order. The first of them: {} and {}.",
      key, files.size(), key_of(data, names.files, false), images.size(), files.front(), images.front());
}

bool any_has(const std::vector<std::string>& files, const std::string& name) {
  if (files.size() == 1) return io::Hdf5File::open(files.front()).exists(name);
  io::SharedReader reader;
  for (const std::string& file : files)
    if (reader.open(file).exists(name)) return true;
  return false;
}

std::vector<std::string> overrides_for(const std::vector<std::string>& files) {
  std::vector<std::string> overrides;
  for (const char* key : {"label_files", "validation_files", "validation_label_files", "test_files",
                          "test_label_files", "path", "files"})
    overrides.push_back(fmt::format("data.{}=null", key));
  const bool one = files.size() == 1 && !io::is_pattern(files.front());
  if (one) {
    overrides.push_back("data.path=" + files.front());
    return overrides;
  }
  std::vector<std::string> quoted;
  quoted.reserve(files.size());
  for (const std::string& file : files) quoted.push_back(to_yaml(file));
  overrides.push_back(fmt::format("data.files=[{}]", fmt::join(quoted, ", ")));
  return overrides;
}

}  // namespace annulus::trainer
