// The script is gnuplot's standard input: no name of a file ever becomes part of a command.
#include "io/pictures/gnuplot.hpp"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/child_program.hpp"

namespace annulus::io {
namespace {

/// Runs gnuplot on a script. @return what it wrote to its standard output
std::string run(const std::string& script) {
  // -d: nothing from the user's own start-up files, which may change colours, fonts and terminals.
  const std::optional<ChildResult> result = run_program({"gnuplot", "-d"}, script);
  if (!result)
    throw RuntimeError(
        "gnuplot is not installed, which draws the pictures. Install it (Debian and Ubuntu: `sudo apt-get install gnuplot-nox`), then try again.");
  if (result->exit_code != 0)
    throw RuntimeError("gnuplot failed (exit code {}): {}", result->exit_code, result->messages);
  if (!result->messages.empty()) log_warning("gnuplot: {}", result->messages);
  return result->output;
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
