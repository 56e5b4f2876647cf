// What a verb prints: all of it passes here on its way to standard output, whether it was written with stdio,
// fmt or iostreams. Foreign text becomes printable, and what could not be written is heard of.
#pragma once

namespace annulus {

/// Puts itself between stdout, std::cout and the file descriptor, for good; from then on a terminal or a file
/// gets what printable() makes of the text. Called once, before anything is written.
void guard_standard_output();

/// Writes what is left. @throws RuntimeError with the reason when something was lost, on a full disk
/// or where standard output was closed (`>&-`). Nothing is lost when a reader has closed its end of a pipe
/// (`| head -1`), as it has what it wanted, or when the terminal has been closed.
void finish_standard_output();

}  // namespace annulus
