// Text files with one line a step, which a run that goes on from an earlier step cuts back to it.
//
// In: a file that only grew since it was last cut, its steps (nearly) in order.
// Out: the same without what the run will do again, or does otherwise from here on.
// Invariant: what is far from the end is not read, so a run of millions of steps goes on at once.
// Next: metrics.cpp and ledger.cpp (whose files these are), set_aside.hpp.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

namespace annulus::trainer {

/// What becomes of lines about later steps.
enum class LaterLines {
  dropped,   ///< the run does these steps again, with the same results
  set_aside  ///< somebody went back: they are kept in a file of their own (set_aside.hpp)
};

/// Which lines of a file stay.
struct StepFilter {
  std::uint64_t last_step;
  std::function<std::optional<std::uint64_t>(const std::string&)> step_of;  ///< nothing: cannot be read
  std::string header = {};  ///< first line, kept as it is; empty for none
  LaterLines later = LaterLines::dropped;
  std::function<bool(const std::string&)> superseded = {};  ///< of lines that would stay: will come again
};

/// The member `step` of a line that is a JSON object; nothing for one that is not, e.g. the last one of a
/// killed process.
std::optional<std::uint64_t> step_of_json(const std::string& line);

/// For a file that is read line by line: a stream that has failed when there is no such file, or something
/// else of that name, which could hold up its reader or never end.
std::ifstream open_lines(const std::string& path);
/// @return whether there was one more line @throws DataError for one that no run writes, by its length
bool next_line(std::ifstream& file, const std::string& path, std::string& line);

/// Takes lines about later steps and those that cannot be read out of a file, which is made where there is
/// none. Reads backwards from the end, until a megabyte of lines has nothing to take out.
/// @throws RuntimeError when it cannot be written; DataError as next_line()
void drop_later(const std::string& path, const StepFilter& filter);

/// @throws RuntimeError when it cannot be written
std::ofstream open_to_append(const std::string& path);

/// Writes a line so that readers of a running job see it. @throws RuntimeError
void append_line(std::ofstream& file, const std::string& path, const std::string& line);

}  // namespace annulus::trainer
