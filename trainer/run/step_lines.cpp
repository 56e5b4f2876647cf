// Lines are read one by one with a limit of length: such files grow with a run, and may be anything.
#include "trainer/run/step_lines.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.hpp"
#include "base/file_kind.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "trainer/run/new_file.hpp"
#include "trainer/run/set_aside.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLongestLine = 16 << 20;
constexpr std::uint64_t kBlock = 1 << 20;  // that is read at once, and has to have nothing to drop

[[noreturn]] void throw_too_long(const std::string& path) {
  throw DataError("{}: has a line of more than {} MB, which no run writes. Remove the file or mend it.", path,
                  kLongestLine >> 20);
}

/// The number behind the first `"step":` of a line, if it begins as ours do. Says nothing of the rest.
std::optional<std::uint64_t> step_at_a_glance(const std::string& line) {
  constexpr std::string_view kKey = "\"step\":";
  constexpr std::size_t kFar = 40;
  const std::size_t place = line.find(kKey);
  if (place > kFar) return std::nullopt;
  const char* const end = line.data() + line.size();
  std::uint64_t step = 0;
  const auto [stop, error] = std::from_chars(line.data() + place + kKey.size(), end, step);
  if (error != std::errc{} || stop == end || (*stop != ',' && *stop != '}')) return std::nullopt;
  return step;
}

/// The end of a file from the first line on that does not stay; found from the end backwards.
class Tail {
 public:
  Tail(const std::string& path, const StepFilter& filter)
      : path_(path), filter_(filter), file_(path, std::ios::binary) {
    file_.seekg(0, std::ios::end);
    size_ = begin_ = static_cast<std::uint64_t>(std::max<std::streamoff>(0, file_.tellg()));
    has_header_ = begins_with_header();
    for (std::uint64_t end = size_; end > 0;) {
      const std::uint64_t block = first_line_from(end);
      const bool clean = !look_at(block, end);
      end = block;
      if (clean && has_header_) break;
    }
  }

  bool has_header() const { return has_header_; }
  bool has_later() const { return has_later_; }
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return size_; }
  /// Lines behind begin() that stay.
  std::string_view kept() const { return std::string_view(kept_).substr(in_place_); }
  /// All lines that stay, where the whole file was looked at.
  std::string_view all_kept() const { return kept_; }
  std::size_t unreadable() const { return unreadable_; }

 private:
  enum class Fate { stays, later, unreadable, superseded };

  bool begins_with_header() {
    if (filter_.header.empty()) return true;
    const std::string wanted = filter_.header + "\n";
    return size_ >= wanted.size() && read(0, wanted.size()) == wanted;
  }

  std::string read(std::uint64_t begin, std::uint64_t end) {
    std::string bytes(end - begin, '\0');
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(begin));
    if (!file_.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      throw DataError("{}: cannot be read ({}). Is the disk failing, or does somebody else write to it?",
                      path_, std::strerror(errno));
    return bytes;
  }

  /// Where the first whole line begins of those that take up about a block before `end`.
  std::uint64_t first_line_from(std::uint64_t end) {
    for (std::uint64_t length = kBlock; length < end; length *= 2) {
      if (length > 2 * kLongestLine) throw_too_long(path_);
      block_ = read(end - length, end);
      const std::size_t line_end = block_.find('\n');
      if (line_end == std::string::npos || line_end + 1 == block_.size()) continue;  // no line begins in it
      block_.erase(0, line_end + 1);
      return end - block_.size();
    }
    block_ = read(0, end);
    return 0;
  }

  /// @return whether a line of the block does not stay
  bool look_at(std::uint64_t begin, std::uint64_t end) {
    std::string stay;
    std::optional<std::size_t> first_gone;  // as many bytes of those that stay are before it
    for (std::size_t at = 0; at < block_.size();) {
      const std::size_t line_end = std::min(block_.find('\n', at), block_.size());
      if (line_end - at > kLongestLine) throw_too_long(path_);
      const std::string line = block_.substr(at, line_end - at);
      const bool is_header = begin + at == 0 && has_header_ && !filter_.header.empty();
      const Fate fate = is_header ? Fate::stays : fate_of(line);
      if (fate == Fate::stays) stay += line + "\n";
      has_later_ = has_later_ || fate == Fate::later;
      const bool torn = line_end == block_.size() && end == size_;  // whole, but for its end of line
      if (!first_gone && (fate != Fate::stays || torn)) {
        first_gone = stay.size() - (fate == Fate::stays ? line.size() + 1 : 0);
        begin_ = begin + at;
        in_place_ = *first_gone;
      }
      at = line_end + 1;
    }
    if (!first_gone && has_header_) return false;
    if (!first_gone) in_place_ = stay.size();
    kept_ = stay + kept_;
    return true;
  }

  Fate fate_of(const std::string& line) {
    if (line == filter_.header && !line.empty()) return Fate::superseded;
    if (const auto step = step_at_a_glance(line); step && *step > filter_.last_step) return Fate::later;
    const auto step = filter_.step_of(line);
    if (!step) {
      ++unreadable_;
      return Fate::unreadable;
    }
    if (*step > filter_.last_step) return Fate::later;
    return filter_.superseded && filter_.superseded(line) ? Fate::superseded : Fate::stays;
  }

  const std::string& path_;
  const StepFilter& filter_;
  std::ifstream file_;
  std::uint64_t size_ = 0;
  std::uint64_t begin_ = 0;
  std::string block_;
  std::string kept_;          ///< what stays of all blocks that have something to drop
  std::size_t in_place_ = 0;  ///< bytes of it before begin_
  std::size_t unreadable_ = 0;
  bool has_later_ = false;
  bool has_header_ = false;
};

/// Whether a change of the file would be one of another file as well: behind a link, or in a copy that shares
/// its bytes.
bool is_shared(const std::string& path) {
  std::error_code unknown;
  return fs::is_symlink(path, unknown) || fs::hard_link_count(path, unknown) > 1;
}

void keep_aside(const std::string& path, const std::string& header, const Tail& tail) {
  const std::string aside = set_aside_name(path).string();
  NewFile copy(aside);
  copy.add(tail.has_header() && tail.begin() > 0 ? header : "");
  copy.add_from(path, tail.has_header() ? tail.begin() : 0, tail.end());
  copy.publish();
  log_info("{}: what it says of later steps is in {}", path, aside);
}

/// Cut where that is all there is to do: a killed process leaves its end half-written, and a run that goes on
/// repeats some steps. Else made anew: nothing that stays is ever missing.
void cut(const std::string& path, const Tail& tail) {
  const bool shared = is_shared(path);
  if (tail.begin() == tail.end() && !shared) return;
  if (tail.kept().empty() && !shared) {
    std::error_code error;
    fs::resize_file(path, tail.begin(), error);
    if (!error) return;
    throw RuntimeError("{}: cannot be cut back ({}). Check the permissions of the run directory.", path,
                       error.message());
  }
  NewFile file(path);
  file.add_from(path, 0, tail.begin());
  file.add(tail.kept());
  file.publish();
}

void rewrite(const std::string& path, const std::string& header, const Tail& tail) {
  NewFile file(path);
  file.add(header);
  file.add(tail.all_kept());
  file.publish();
}

}  // namespace

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
  line.clear();
  std::streambuf* const buffer = file.rdbuf();
  for (int c = file ? buffer->sbumpc() : EOF; c != EOF; c = buffer->sbumpc()) {
    if (c == '\n') return true;
    if (line.size() == kLongestLine) throw_too_long(path);
    line.push_back(static_cast<char>(c));
  }
  file.setstate(std::ios::eofbit);
  return !line.empty();
}

void drop_later(const std::string& path, const StepFilter& filter) {
  const std::string header = filter.header.empty() ? "" : filter.header + "\n";
  if (!open_lines(path)) return io::write_text_file(path, header);
  Tail tail(path, filter);
  if (tail.unreadable() > 0)
    log_warning(
        "{}: {} line(s) could not be read and were dropped; the process that wrote them was probably killed.",
        path, tail.unreadable());
  if (tail.has_later() && filter.later == LaterLines::set_aside) keep_aside(path, header, tail);
  tail.has_header() ? cut(path, tail) : rewrite(path, header, tail);
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
