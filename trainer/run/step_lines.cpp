// Lines are read one by one with a limit of length: such files grow with a run, and may be anything.
#include "trainer/run/step_lines.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"

namespace annulus::trainer {

std::optional<std::uint64_t> step_of_json(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_unsigned()) return std::nullopt;
  return json["step"].get<std::uint64_t>();
}

std::ifstream open_lines(const std::string& path) {
  std::error_code none;
  return std::ifstream(std::filesystem::is_regular_file(path, none) ? path : std::string());
}

bool next_line(std::ifstream& file, const std::string& path, std::string& line) {
  constexpr std::size_t kLongest = 16 << 20;
  line.clear();
  std::streambuf* const buffer = file.rdbuf();
  for (int c = file ? buffer->sbumpc() : EOF; c != EOF; c = buffer->sbumpc()) {
    if (c == '\n') return true;
    if (line.size() == kLongest)
      throw DataError("{}: has a line of more than {} MB, which no run writes. Remove the file or mend it.",
                      path, kLongest >> 20);
    line.push_back(static_cast<char>(c));
  }
  file.setstate(std::ios::eofbit);
  return !line.empty();
}

/// Written anew as a whole, not cut: a killed process may have left half a line in the midst of others.
void drop_later(const std::string& path, const StepFilter& filter) {
  std::ifstream file = open_lines(path);
  std::string kept = filter.header.empty() ? "" : filter.header + "\n";
  std::size_t unreadable = 0;
  for (std::string line; next_line(file, path, line);) {
    if (line == filter.header) continue;
    const auto step = filter.step_of(line);
    if (!step) ++unreadable;
    if (step && *step <= filter.last_step) kept += line + "\n";
  }
  if (unreadable > 0)
    log_warning(
        "{}: {} line(s) could not be read and were dropped; the process that wrote them was probably killed.",
        path, unreadable);
  io::write_text_file(path, kept);
}

std::ofstream open_to_append(const std::string& path) {
  require_writable_kind(path);
  errno = 0;
  std::ofstream file(path, std::ios::app);
  if (file) return file;
  throw RuntimeError(
      "{}: cannot be opened for writing ({}). Check the permissions of the run directory, or choose another with --run.",
      path, std::strerror(errno));
}

void append_line(std::ofstream& file, const std::string& path, const std::string& line) {
  errno = 0;
  file << line << '\n' << std::flush;
  if (file) return;
  throw RuntimeError(
      "{}: cannot be written ({}). Free some space, then start again with --resume auto: nothing is lost since the last checkpoint.",
      path, errno != 0 ? std::strerror(errno) : "the stream failed");
}

}  // namespace annulus::trainer
