// See file_list.hpp. By the shell's own rules: glob() of the C library.
#include "io/files/file_list.hpp"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

class Matches {
 public:
  explicit Matches(const std::string& pattern) : code_(::glob(pattern.c_str(), 0, nullptr, &found_)) {}
  ~Matches() { ::globfree(&found_); }
  Matches(const Matches&) = delete;
  Matches& operator=(const Matches&) = delete;
  int code() const { return code_; }
  std::vector<std::string> names() const {
    if (code_ != 0) return {};
    std::vector<std::string> names(found_.gl_pathv, found_.gl_pathv + found_.gl_pathc);
    std::ranges::sort(names);  // the library's order is that of a language
    return names;
  }

 private:
  glob_t found_{};
  int code_;
};

std::vector<std::string> matching(const std::string& pattern, const std::string& key) {
  const Matches matches(pattern);
  const bool failed = matches.code() != 0 && matches.code() != GLOB_NOMATCH;
  if (failed) throw DataError("{}: the files that {} names cannot be listed.", pattern, key);
  std::vector<std::string> files = matches.names();
  std::erase_if(files, [](const std::string& name) {
    std::error_code error;
    return fs::is_directory(name, error);
  });
  if (!files.empty()) return files;
  throw DataError(
      "{}: no file matches this pattern of {}. From {} it is looked for; `ls {}` shows what there is.",
      pattern, key, fs::current_path().string(), fs::path(pattern).parent_path().string());
}

}  // namespace

bool is_pattern(const std::string& entry) {
  std::error_code error;
  return entry.find_first_of("*?[") != std::string::npos && !fs::exists(entry, error);
}

std::vector<std::string> expand_files(const std::vector<std::string>& entries, const std::string& key) {
  std::vector<std::string> files;
  for (const std::string& entry : entries) {
    std::error_code error;
    if (fs::is_directory(entry, error))
      throw DataError("{}: is a folder, but {} names files. Write {}/*.h5 for the files in it.", entry, key,
                      entry.substr(0, entry.find_last_not_of('/') + 1));
    if (!is_pattern(entry)) {
      files.push_back(entry);
      continue;
    }
    const std::vector<std::string> found = matching(entry, key);
    files.insert(files.end(), found.begin(), found.end());
  }
  std::set<std::string> seen;
  for (const std::string& file : files)
    if (!seen.insert(fs::path(file).lexically_normal().string()).second)
      throw DataError(
          "{}: comes twice in the list of {}: its samples would be trained on twice as often. Name it once; do two patterns match it?",
          file, key);
  return files;
}

}  // namespace annulus::io
