// Formats: manual page of sbatch(1), options --time and --array.
#include "trainer/slurm/words.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <regex>
#include <set>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

/// The numbers of a text that matches a pattern, group by group, 0 for groups that are absent; nothing when
/// it does not match. Patterns allow nine digits at most, so that sums and products fit.
std::optional<std::vector<std::uint64_t>> match(const std::string& text, const char* pattern) {
  std::smatch groups;
  if (!std::regex_match(text, groups, std::regex(pattern))) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (std::size_t k = 1; k < groups.size(); ++k)
    numbers.push_back(groups[k].matched ? std::stoull(groups[k].str()) : 0);
  return numbers;
}

bool is_plain(const std::string& text, const char* more) {
  return !text.empty() && std::ranges::all_of(text, [more](unsigned char c) {
    return (c < 128 && std::isalnum(c) != 0) ||
           std::string_view(more).find(static_cast<char>(c)) != std::string::npos;
  });
}

void insert_range(std::set<std::uint64_t>& tasks, const std::string& range, const std::string& whole) {
  constexpr std::size_t kMostTasks = 100000;
  std::uint64_t first = 0, last = 0, step = 1;
  if (const auto one = match(range, R"((\d{1,9}))")) {
    first = last = (*one)[0];
  } else if (const auto several = match(range, R"((\d{1,9})-(\d{1,9}))")) {
    first = (*several)[0];
    last = (*several)[1];
  } else if (const auto stepped = match(range, R"((\d{1,9})-(\d{1,9}):(\d{1,9}))")) {
    first = (*stepped)[0];
    last = (*stepped)[1];
    step = (*stepped)[2];
  } else {
    step = 0;
  }
  if (step == 0 || last < first)
    throw UsageError(
        "'{}' does not name the tasks of a job array. Write for example 1-4, 0-12:4, 1,3,7-9 or 1-40%4.",
        whole);
  if ((last - first) / step >= kMostTasks)
    throw UsageError("the job array '{}' has more than {} tasks; no SLURM takes so many.", whole, kMostTasks);
  for (std::uint64_t task = first; task <= last; task += step) tasks.insert(task);
}

}  // namespace

std::uint64_t parse_slurm_time(const std::string& text) {
  constexpr std::uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (const auto t = match(text, R"((\d{1,9})(?::(\d{1,2}))?)")) return (*t)[0] * kMinute + (*t)[1];
  if (const auto t = match(text, R"((\d{1,9}):(\d{1,2}):(\d{1,2}))"))
    return (*t)[0] * kHour + (*t)[1] * kMinute + (*t)[2];
  if (const auto t = match(text, R"((\d{1,9})-(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?)"))
    return (*t)[0] * kDay + (*t)[1] * kHour + (*t)[2] * kMinute + (*t)[3];
  throw UsageError(
      "'{}' is not a time limit. Write minutes (90), hours:minutes:seconds (8:00:00), days-hours (2-12) or days-hours:minutes:seconds.",
      text);
}

std::vector<std::uint64_t> parse_job_array(const std::string& text) {
  std::string ranges = text;
  std::smatch at_most;
  if (std::regex_search(text, at_most, std::regex("%[1-9][0-9]{0,8}$"))) ranges = at_most.prefix();
  std::set<std::uint64_t> tasks;
  for (std::size_t begin = 0; begin <= ranges.size();) {
    const std::size_t end = std::min(ranges.find(',', begin), ranges.size());
    insert_range(tasks, ranges.substr(begin, end - begin), text);
    begin = end + 1;
  }
  return {tasks.begin(), tasks.end()};
}

std::string sbatch_value(const std::string& value) {
  if (is_plain(value, "._-+=:,/@%&|[]*!()")) return value;
  if (value.empty() || value.find_first_of("\n\r\"\\'#") != std::string::npos)
    throw UsageError(
        "'{}' cannot stand in the head of a job script, which has no way to write line breaks, quotes, '\\' and '#'. Choose another.",
        value);
  return '"' + value + '"';
}

std::string shell_word(const std::string& word) {
  if (is_plain(word, "._-+=:,/@%")) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace annulus::trainer
