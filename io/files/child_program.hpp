// Other programs as tools: gnuplot, Python.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::io {

struct ChildResult {
  int exit_code = 0;  ///< 128 + signal when it was killed
  std::string output;
  std::string messages;  ///< what it wrote to standard error
};

/// Runs a program found along PATH to its end. @param words  its name and arguments @param input  its
/// standard input
/// @return nothing when there is no such program @throws RuntimeError when it cannot be started
std::optional<ChildResult> run_program(std::vector<std::string> words, std::string_view input);

}  // namespace annulus::io
