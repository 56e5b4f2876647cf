// gnuplot reads its script from one anonymous file and writes picture and messages to two others: no pipe can
// fill up, and no name of a file ever becomes part of a command.
#include "io/pictures/gnuplot.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/descriptor.hpp"

extern char** environ;

namespace annulus::io {
namespace {

/// The one check of system calls in this file.
void check_system(bool succeeded, const char* call, int code = errno) {
  if (!succeeded)
    throw RuntimeError("Drawing a picture: {} failed ({}). Free some memory or processes, then try again.",
                       call, std::strerror(code));
}

/// A file in memory without a name.
class MemoryFile {
 public:
  explicit MemoryFile(const char* purpose) : descriptor_(::memfd_create(purpose, MFD_CLOEXEC)) {
    check_system(static_cast<bool>(descriptor_), "memfd_create");
  }
  int get() const { return descriptor_.get(); }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      check_system(written >= 0, "write");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    check_system(::lseek(get(), 0, SEEK_SET) == 0, "lseek");
  }

  std::string read() const {
    check_system(::lseek(get(), 0, SEEK_SET) == 0, "lseek");
    std::string text;
    std::array<char, 65536> piece{};
    for (;;) {
      const ssize_t count = ::read(get(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      check_system(count >= 0, "read");
      if (count == 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  Descriptor descriptor_;
};

/// What the child's standard streams are.
class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
  ~FileActions() {
    const int code = ::posix_spawn_file_actions_destroy(&actions_);
    if (code != 0) log_warning("posix_spawn_file_actions_destroy: {}", std::strerror(code));
  }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void connect(const MemoryFile& file, int stream) {
    check(::posix_spawn_file_actions_adddup2(&actions_, file.get(), stream),
          "posix_spawn_file_actions_adddup2");
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int code, const char* call) { check_system(code == 0, call, code); }
  posix_spawn_file_actions_t actions_{};
};

/// Runs gnuplot on a script. @return what it wrote to its standard output
std::string run(const std::string& script) {
  const MemoryFile input("gnuplot script");
  const MemoryFile output("gnuplot picture");
  const MemoryFile messages("gnuplot messages");
  input.write(script);
  FileActions actions;
  actions.connect(input, STDIN_FILENO);
  actions.connect(output, STDOUT_FILENO);
  actions.connect(messages, STDERR_FILENO);
  // -d: nothing from the user's own start-up files, which may change colours, fonts and terminals.
  std::string program = "gnuplot";
  std::string defaults = "-d";
  std::array<char*, 3> words{program.data(), defaults.data(), nullptr};
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, "gnuplot", actions.get(), nullptr, words.data(), environ);
  if (code == ENOENT)
    throw RuntimeError(
        "gnuplot is not installed, which draws the pictures. Install it (Debian and Ubuntu: `sudo apt-get install gnuplot-nox`), then try again.");
  check_system(code == 0, "posix_spawnp(gnuplot)", code);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) check_system(errno == EINTR, "waitpid");
  const std::string said = messages.read();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw RuntimeError("gnuplot failed ({} {}): {}", WIFEXITED(status) ? "exit code" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), said);
  if (!said.empty()) log_warning("gnuplot: {}", said);
  return output.read();
}

std::string terminal(const std::string& path, Gnuplot::Size size) {
  const bool is_svg = path.ends_with(".svg");
  return fmt::format(
      "set encoding utf8\nset terminal {} size {},{} noenhanced font 'DejaVu Sans,11' background rgb 'white'\n",
      is_svg ? "svg" : "pngcairo", size.width, size.height);
}

}  // namespace

void check_picture(const std::string& path, Existing existing) {
  if (!path.ends_with(".svg") && !path.ends_with(".png"))
    throw UsageError("'{}' must end in .svg or .png: that says which kind of picture to draw.", path);
  const AtomicFile probe(path, existing);
}

void Gnuplot::script(std::string_view lines) {
  text_ += lines;
  if (!lines.ends_with('\n')) text_ += '\n';
}

void Gnuplot::data(std::string_view name, std::span<const std::vector<double>> rows) {
  fmt::format_to(std::back_inserter(text_), "${} << END_OF_DATA\n", name);
  for (const std::vector<double>& row : rows) {
    for (const double value : row) {
      if (std::isfinite(value))
        fmt::format_to(std::back_inserter(text_), "{:.9g} ", value);
      else
        text_ += "NaN ";
    }
    text_ += '\n';
  }
  text_ += "END_OF_DATA\n";
}

void Gnuplot::draw(const std::string& path, Existing existing) const {
  check_picture(path, existing);
  const std::string picture = run(terminal(path, size_) + text_);
  if (picture.empty()) throw RuntimeError("gnuplot drew nothing for {}. Is it complete?", path);
  AtomicFile target(path, existing);
  std::ofstream file(target.partial(), std::ios::binary);
  file << picture;
  file.close();
  if (!file) throw RuntimeError("{} could not be written. Is the disk full?", target.partial());
  target.commit();
}

std::string gnuplot_text(std::string_view text) {
  // Between single quotes only they themselves mean something; twice they are one.
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') result += '\'';
    result += static_cast<unsigned char>(letter) < ' ' ? ' ' : letter;
  }
  return result + "'";
}

}  // namespace annulus::io
