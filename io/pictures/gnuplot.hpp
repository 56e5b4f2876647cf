// Pictures by gnuplot, which runs as a child process: SVG or PNG, by the end of the file's name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/files/existing.hpp"

namespace annulus::io {

/// Collects a script of gnuplot and the numbers it draws, then has it drawn. One process draws: under mpirun,
/// rank 0 alone should.
class Gnuplot {
 public:
  struct Size {
    int width = 900;  ///< pixels
    int height = 600;
  };

  explicit Gnuplot(Size size) : size_(size) {}

  /// Adds lines of gnuplot's language. What users name must come through `gnuplot_text`.
  void script(std::string_view lines);
  /// Adds rows of numbers under a name: `plot $name using 1:2`. An empty row interrupts a line.
  /// @param name  letters, digits and underscores; as long as the picture is drawn, no other data have it
  void data(std::string_view name, std::span<const std::vector<double>> rows);

  /// Draws a picture; the file is complete or absent.
  /// @param path  ends in .svg or .png
  /// @throws UsageError as check_picture; RuntimeError when gnuplot is not installed (naming the package) or
  /// fails, with its own words
  void draw(const std::string& path, Existing existing) const;

 private:
  Size size_;
  std::string text_;
};

/// Says before the work whether a picture can be drawn there. @throws UsageError: an end other than .svg and
/// .png, a file that exists and is not to be replaced, a folder that does not
void check_picture(const std::string& path, Existing existing);

/// A text as gnuplot's string, in which nothing has a meaning. Line ends become spaces. Pictures are not
/// `enhanced`: underscores and braces are themselves everywhere.
std::string gnuplot_text(std::string_view text);

}  // namespace annulus::io
