// Names and numbers of parts.
#include "io/dataset/parts.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 5;

/// The ending of an output's name, which its parts keep.
std::string ending_of(const std::string& name) {
  for (const char* ending : {".h5", ".hdf5"})
    if (name.ends_with(ending)) return ending;
  return "";
}

std::string stem_of(const std::string& output) {
  return output.substr(0, output.size() - ending_of(output).size());
}

std::string part_ending(const std::string& output) {
  std::string ending = ending_of(output);
  return ending.empty() ? ".h5" : ending;
}

/// Exactly five digits at a place. @return nothing when they are not
std::optional<std::uint64_t> digits_at(const std::string& text, std::size_t at) {
  if (at + kDigits > text.size()) return std::nullopt;
  std::uint64_t value = 0;
  const char* const first = text.data() + at;
  const auto [end, error] = std::from_chars(first, first + kDigits, value);
  return error == std::errc{} && end == first + kDigits ? std::optional(value) : std::nullopt;
}

/// @param present  parts of the set that are there
std::string what_is_missing(const std::string& output, std::uint64_t count,
                            const std::set<std::uint64_t>& present) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> names;
  for (std::uint64_t k = 0; k < count && names.size() < kNamed; ++k)
    if (!present.contains(k)) names.push_back(part_path(output, {k, count}));
  const std::uint64_t missing = count - present.size();
  return fmt::format(
      "{} of the {} files of {} are missing: {}{}. Copy them here, or name the files one by one to use a part of the data on purpose.",
      missing, count, output, fmt::join(names, ", "), missing > kNamed ? ", ..." : "");
}

}  // namespace

PartRows rows_of_part(std::uint64_t rows, const Part& part) {
  expect_contract(part.number < part.count && part.count <= kMostParts, "a part is one of its set");
  // rows * number may not fit: whole rounds and what is left of them apart.
  const auto begin = [&](std::uint64_t number) {
    return rows / part.count * number + rows % part.count * number / part.count;
  };
  return {begin(part.number), begin(part.number + 1) - begin(part.number)};
}

std::string part_path(const std::string& output, const Part& part) {
  return stem_of(output) + fmt::format("-{:05}-of-{:05}{}", part.number, part.count, part_ending(output));
}

std::string parts_pattern(const std::string& output) { return stem_of(output) + "-*" + part_ending(output); }

std::optional<NamedPart> named_part(const std::string& path) {
  const std::string ending = ending_of(path);
  const std::string tail = "-00000-of-00000";
  if (ending.empty() || path.size() <= tail.size() + ending.size()) return std::nullopt;
  const std::size_t at = path.size() - ending.size() - tail.size();
  const auto number = digits_at(path, at + 1);
  const auto count = digits_at(path, at + tail.size() - kDigits);
  const bool words = path[at] == '-' && path.compare(at + 1 + kDigits, 4, "-of-") == 0;
  if (!words || !number || !count || *number >= *count) return std::nullopt;
  return NamedPart{path.substr(0, at) + ending, {*number, *count}};
}

std::vector<std::string> parts_beside(const std::string& output) {
  std::vector<std::string> found;
  const fs::path own(part_path(output, {0, 1}));
  const fs::path folder = own.has_parent_path() ? own.parent_path() : fs::path(".");
  const std::string name = named_part(own.filename().string()).value().output;
  std::error_code ignored;  // a folder that cannot be listed is refused when it is written to
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const auto part = named_part(entry.path().filename().string());
    if (part && part->output == name) found.push_back((own.parent_path() / entry.path().filename()).string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> stale_parts(const std::string& output, std::uint64_t count) {
  std::vector<std::string> stale = parts_beside(output);
  std::erase_if(stale, [&](const std::string& path) { return named_part(path)->part.count == count; });
  return stale;
}

std::string missing_parts(const std::vector<std::string>& paths) {
  std::map<std::string, std::map<std::uint64_t, std::set<std::uint64_t>>> sets;
  for (const std::string& path : paths)
    if (const auto found = named_part(path))
      sets[found->output][found->part.count].insert(found->part.number);
  for (const auto& [output, by_count] : sets) {
    if (by_count.size() > 1)
      return fmt::format(
          "{} and {} are parts of two different writings of {}, and most of its rows would come twice. Remove those of one.",
          part_path(output, {*by_count.begin()->second.begin(), by_count.begin()->first}),
          part_path(output, {*by_count.rbegin()->second.begin(), by_count.rbegin()->first}), output);
    const auto& [count, present] = *by_count.begin();
    if (present.size() < count) return what_is_missing(output, count, present);
  }
  return {};
}

Part part_of(const Hdf5File& file) {
  if (!file.has_attribute("/", "parts")) return {};
  const std::uint64_t number = file.uint64_attribute("/", "part");
  const std::uint64_t count = file.uint64_attribute("/", "parts");
  if (number >= count)
    throw DataError(
        "{}: says that it is part {} of {}, counted from 0, which cannot be. Its attributes are damaged.",
        file.path(), number, count);
  return {number, count};
}

}  // namespace annulus::io
